import type { NodeDeclaration } from '../src/config/declaration.ts'
import type { Field, Fields } from '../src/config/fields.ts'
import { choiceKey } from './catalogue.ts'

/**
 * The edit dialog of a node type, from its fields. All texts are catalogue keys. What it cannot do as markup alone
 * (tables, code editors, folding by `when`) `nodes/shared/editor/form.ts` does by the `data-` attributes.
 */
export function formTemplate(declaration: NodeDeclaration): string {
  const form: Form = {
    type: declaration.type,
    prefix: declaration.kind === 'config' ? 'node-config-input' : 'node-input',
  }
  const fields = Object.entries(declaration.fields)
  const rows = (advanced: boolean) =>
    fields.filter(([, field]) => field.advanced === advanced).map(([name, field]) => row(form, name, field))
  const folded = rows(true)
  const html = ['<div class="rowline-form">', nameRow(form), ...rows(false)]
  if (folded.length > 0) {
    const summary = `<summary ${i18n(form, 'form.advanced')}></summary>`
    html.push(`<details class="rowline-folded rowline-advanced">${summary}`, ...folded, '</details>')
  }
  if (declaration.importer) html.push(importSection(form))
  if (declaration.editorPart) html.push('<div class="rowline-part"></div>')
  html.push('</div>')
  return `<script type="text/html" data-template-name="${declaration.type}">\n${html.join('\n')}\n</script>\n`
}

/** What the button does and what the list says comes from `nodes/shared/editor/import-section.ts`. */
function importSection(form: Form): string {
  return `<details class="rowline-folded rowline-import"><summary ${i18n(form, 'import.title')}></summary>
  <div class="rowline-note" ${i18n(form, 'import.note')}></div>
  <textarea rows="8" spellcheck="false" autocomplete="off"></textarea>
  <button type="button" class="red-ui-button" ${i18n(form, 'import.apply')}></button>
  <ul role="status"></ul>
</details>`
}

interface Form {
  readonly type: string
  readonly prefix: string
}

const i18n = (form: Form, ...keys: readonly string[]): string =>
  `data-i18n="${keys.map((key) => key.replace(/^(\[\w+\])?/, `$1${form.type}.`)).join(';')}"`

function nameRow(form: Form): string {
  const id = `${form.prefix}-name`
  return `<div class="rowline-row">
  <label for="${id}"><span ${i18n(form, 'form.name')}></span></label>
  <div class="rowline-control"><input type="text" id="${id}"></div>
</div>`
}

function row(form: Form, name: string, field: Field<unknown>): string {
  const id = `${form.prefix}-${name}`
  const wide = field.kind === 'table' || field.kind === 'code'
  return `<div class="rowline-row${wide ? ' rowline-wide' : ''}" data-field="${name}">
  <label for="${id}"><span ${i18n(form, `field.${name}.label`)}></span>&nbsp;<i class="fa fa-question-circle-o rowline-explain" role="button" tabindex="0" ${i18n(form, '[title]form.explain')}></i></label>
  <div class="rowline-control">${control(form, id, name, field)}</div>
  <div class="rowline-note" hidden ${i18n(form, `field.${name}.note`)}></div>
  <div class="rowline-problem" role="alert" hidden></div>
</div>`
}

function control(form: Form, id: string, name: string, field: Field<unknown>): string {
  switch (field.kind) {
    case 'choice':
    case 'flag':
      return `${input(form, `id="${id}"`, `field.${name}`, field)}${environmentButton}`
    case 'node':
      return `<input type="text" id="${id}" style="width: 100%">`
    case 'code':
      return `<input type="hidden" id="${id}"><div class="node-text-editor" id="${id}-code"></div>${example(form, name, field)}`
    case 'table':
      return tableMarkup(form, name, field.columns ?? {})
    default:
      return input(form, `id="${id}"`, `field.${name}`, field)
  }
}

/** A code editor has no placeholder. */
function example(form: Form, name: string, { placeholder }: Field<unknown>): string {
  return placeholder === undefined
    ? ''
    : `<div class="rowline-example"><span ${i18n(form, 'form.example')}></span> <code ${i18n(form, `field.${name}.placeholder`)}></code></div>`
}

function input(form: Form, attributes: string, key: string, field: Field<unknown>): string {
  if (field.kind === 'choice') {
    const options = (field.values ?? []).map(
      (value) => `<option value="${value}" ${i18n(form, `${key}.choice.${choiceKey(value)}`)}></option>`,
    )
    return `<select ${attributes}>${options.join('')}</select>`
  }
  if (field.kind === 'node') return `<select ${attributes} data-node-type="${field.nodeType}"></select>`
  if (field.kind === 'flag') return `<input type="checkbox" ${attributes}>`
  const type = field.kind === 'secret' && field.masked ? 'password' : 'text'
  const placeholder = field.placeholder === undefined ? '' : ` ${i18n(form, `[placeholder]${key}.placeholder`)}`
  return `<input type="${type}" ${attributes}${placeholder}>`
}

/** Titles and the button's function come from `nodes/shared/editor/environment-switch.ts`. */
const environmentButton =
  '<button type="button" class="red-ui-button red-ui-button-small rowline-environment">${ }</button>'

/** Header and one row to copy. */
function tableMarkup(form: Form, name: string, columns: Fields): string {
  const entries = Object.entries(columns)
  const spans = columnSpans(Object.values(columns))
  const key = (column: string) => `field.${name}.column.${column}`
  const cell = (i: number, content: string) => `<div style="grid-column: span ${spans[i]}">${content}</div>`
  const heads = entries.map(([column], i) => {
    const texts = i18n(form, `[title]${key(column)}.note`, `${key(column)}.label`)
    return cell(i, `<span ${texts}></span>`)
  })
  const cells = entries.map(([column, field], i) => cell(i, input(form, `data-column="${column}"`, key(column), field)))
  return `
    <div class="rowline-columns">${heads.join('')}</div>
    <ol class="rowline-rows"></ol>
    <div class="rowline-cells" hidden>${cells.join('')}</div>
  `
}

const gridColumns = 12

/** How many of the 12 grid columns each takes: lines are filled in order, what is left goes to a line's longest. */
function columnSpans(columns: readonly Field<unknown>[]): readonly number[] {
  const lines: number[][] = [[]]
  const sum = (line: readonly number[]) => line.reduce((total, span) => total + span, 0)
  const narrow = columns.map((field) => neededSpan(field, 5))
  const needed = sum(narrow) <= gridColumns ? narrow : columns.map((field) => neededSpan(field, 6))
  for (const span of needed) {
    if (sum(lines.at(-1)!) + span > gridColumns) lines.push([])
    lines.at(-1)!.push(span)
  }
  return lines.flatMap((line) => {
    const longest = line.lastIndexOf(Math.max(...line))
    return line.map((span, i) => (i === longest ? span + gridColumns - sum(line) : span))
  })
}

function neededSpan({ kind, values = [], required }: Field<unknown>, requiredText: number): number {
  if (kind === 'flag') return 2
  if (kind === 'integer' || (kind === 'choice' && values.every((value) => value.length < 4))) return 3
  if (kind === 'node') return 6
  return kind === 'text' && required ? requiredText : 4
}
