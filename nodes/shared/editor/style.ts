const id = 'rowline-form-style'

// Node-RED makes a dialog as wide as its content asks for; a contained form asks for nothing and gets the usual width.
const css = `
.rowline-form { contain: inline-size; }
.rowline-row { display: grid; grid-template-columns: minmax(110px, 32%) minmax(0, 1fr); column-gap: 10px; margin-bottom: 10px; }
.rowline-row > label { width: auto; margin: 0; padding-top: 7px; line-height: 1.3; overflow-wrap: anywhere; }
.rowline-row > .rowline-control { display: flex; gap: 6px; align-items: center; min-height: 34px; }
.rowline-control > input[type="text"], .rowline-control > input[type="password"], .rowline-control > select { width: 100%; margin: 0; }
.rowline-control > div { min-width: 0; }
.rowline-control > div > select { min-width: 0; width: 100%; }
.rowline-control > input[type="checkbox"] { width: auto; margin: 0 auto 0 0; }
.rowline-row > :is(.rowline-note, .rowline-problem, .rowline-caution) { grid-column: 2; font-size: 12px; line-height: 1.35; margin-top: 3px; white-space: pre-line; }
.rowline-row > .rowline-note { color: var(--red-ui-secondary-text-color); }
.rowline-row > .rowline-caution { color: var(--red-ui-text-color-warning); }
.rowline-row > .rowline-problem { color: var(--red-ui-text-color-error); }
.rowline-wide { grid-template-columns: minmax(0, 1fr); }
.rowline-wide > .rowline-control { display: block; margin-top: 4px; }
.rowline-wide > .rowline-note, .rowline-wide > .rowline-problem { grid-column: 1; }
.rowline-row[hidden], .rowline-row [hidden] { display: none !important; }
.rowline-explain { cursor: pointer; color: var(--red-ui-tertiary-text-color); }
.rowline-environment { flex: none; opacity: 0.55; }
.rowline-environment:hover, .rowline-environment:focus, .rowline-environment.selected { opacity: 1; }
.ui-dialog .rowline-make:disabled { opacity: 0.5; cursor: not-allowed; }
.rowline-first-rows > .rowline-note { margin-bottom: 14px; line-height: 1.4; color: var(--red-ui-secondary-text-color); }
.rowline-folded { margin-top: 14px; }
.rowline-folded > summary { cursor: pointer; margin-bottom: 10px; font-weight: bold; }
.rowline-import > .rowline-note { font-size: 12px; line-height: 1.35; color: var(--red-ui-secondary-text-color); }
.rowline-import > textarea { width: 100%; box-sizing: border-box; margin: 6px 0; font: 12px/1.35 var(--red-ui-monospace-font, monospace); }
.rowline-import > ul { margin: 8px 0 0; list-style: none; font-size: 12px; line-height: 1.5; overflow-wrap: anywhere; }
.rowline-migration > ul { max-height: 240px; overflow: auto; }
.rowline-import code { padding: 0; border: 0; background: none; color: inherit; font-size: inherit; white-space: normal; }
.rowline-import .rowline-wrong { color: var(--red-ui-text-color-error); }
.rowline-example { margin-top: 4px; font-size: 12px; line-height: 1.35; color: var(--red-ui-secondary-text-color); overflow-wrap: anywhere; }
.rowline-example code { padding: 0; border: 0; background: none; color: inherit; font-size: inherit; white-space: normal; }
.rowline-row .node-text-editor { height: 220px; }
.rowline-shown { max-height: 220px; overflow: auto; margin: 8px 0 0; padding: 6px 8px; font: 12px/1.4 var(--red-ui-monospace-font, monospace); white-space: pre; }
.rowline-view { display: flex; gap: 6px; align-items: center; margin-top: 14px; flex-wrap: wrap; }
.rowline-view > select { width: auto; margin: 0; }
.rowline-notices, .rowline-reasons { margin: 6px 0 0; list-style: none; font-size: 12px; line-height: 1.5; overflow-wrap: anywhere; color: var(--red-ui-secondary-text-color); }
.rowline-payloads > [hidden] { display: none; }
.rowline-payloads > .rowline-differ { margin-top: 8px; font-weight: bold; color: var(--red-ui-text-color-warning); }
.rowline-reasons > li { margin-bottom: 2px; }
.rowline-payloads textarea { width: 100%; box-sizing: border-box; margin: 6px 0; font: 12px/1.35 var(--red-ui-monospace-font, monospace); }
.rowline-preview-topic { flex: 1; min-width: 0; }
.rowline-preview { width: 100%; margin-top: 8px; font-size: 12px; line-height: 1.4; }
.rowline-preview th { padding: 3px 10px 3px 0; text-align: left; vertical-align: top; white-space: nowrap; font-weight: normal; color: var(--red-ui-secondary-text-color); }
.rowline-preview td { padding: 3px 0; width: 100%; }
.rowline-preview code { padding: 0; border: 0; background: none; color: inherit; font-size: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
.rowline-preview-route { margin-top: 8px; font-size: 12px; line-height: 1.4; }
.rowline-preview-problem { margin-top: 8px; font-size: 12px; line-height: 1.4; white-space: pre-line; overflow-wrap: anywhere; color: var(--red-ui-text-color-error); }
.rowline-columns, .rowline-rows [data-cells] { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 4px; align-items: center; }
.rowline-form .rowline-columns { padding: 2px 40px 2px 24px; row-gap: 0; font-size: 12px; color: var(--red-ui-secondary-text-color); }
.rowline-columns > div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.rowline-rows [data-column] { width: 100%; margin: 0; }
.rowline-rows input[type="checkbox"][data-column] { width: auto; justify-self: center; }
`

/** Once per page. */
export function addStyle(): void {
  if ($(`#${id}`).length === 0) $('<style>', { id }).text(css).appendTo('head')
}
