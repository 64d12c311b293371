/** With the editor's own variables, which its themes change. */
export const sidebarStyle = `
.rowline-sidebar { height: 100%; overflow: auto; padding: 8px; box-sizing: border-box; font-size: 13px; color: var(--red-ui-primary-text-color); background: var(--red-ui-primary-background); }
.rowline-card { border: 1px solid var(--red-ui-secondary-border-color); border-radius: 4px; padding: 8px; margin-bottom: 8px; background: var(--red-ui-secondary-background); overflow-wrap: anywhere; }
.rowline-card header { display: flex; gap: 5px; align-items: center; }
.rowline-card header .rowline-show { margin-left: auto; }
.rowline-sidebar .good { color: var(--red-ui-text-color-success, #5a8); }
.rowline-sidebar .warn { color: var(--red-ui-text-color-warning, #b70); }
.rowline-sidebar .bad, .rowline-sidebar .rowline-error, .rowline-sidebar .rowline-limit > b { color: var(--red-ui-text-color-error); }
.rowline-quiet { color: var(--red-ui-secondary-text-color); font-size: 12px; }
.rowline-class { display: inline-block; margin: 3px 0; padding: 0 6px; border-radius: 3px; border: 1px solid currentColor; font-size: 12px; }
.rowline-class.atMostOnce { color: var(--red-ui-text-color-error); }
.rowline-chart { margin: 5px 0 3px; }
.rowline-chart svg { display: block; width: 100%; height: 32px; }
.rowline-chart polyline { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.rowline-line0 { stroke: var(--red-ui-tertiary-text-color); }
.rowline-line1 { stroke: var(--red-ui-text-color-link, #2a7); }
.rowline-sink, .rowline-rejected { border-top: 1px solid var(--red-ui-secondary-border-color); margin-top: 5px; padding-top: 5px; }
.rowline-sidebar .rowline-show { padding: 0 5px; line-height: 18px; height: 20px; margin-left: 5px; }
.rowline-sink > .rowline-show, .rowline-rejected .rowline-show { float: right; }
.rowline-findings p { margin: 5px 0 0; font-size: 12px; line-height: 1.4; }
.rowline-findings summary { cursor: pointer; margin-top: 5px; font-size: 12px; }
.rowline-empty li { margin: 4px 0; }
`
