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
    html.push(`<details class="rowline-advanced">${summary}`, ...folded, '</details>')
  }
  html.push('</div>')
  return `<script type="text/html" data-template-name="${declaration.type}">\n${html.join('\n')}\n</script>\n`
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
  <label for="${id}"><span ${i18n(form, `field.${name}.label`)}></span> <i class="fa fa-question-circle-o rowline-explain" role="button" tabindex="0" ${i18n(form, '[title]form.explain')}></i></label>
  <div class="rowline-control">${control(form, id, name, field)}</div>
  <div class="rowline-note" hidden ${i18n(form, `field.${name}.note`)}></div>
  <div class="rowline-problem" role="alert" hidden></div>
</div>`
}

function control(form: Form, id: string, name: string, field: Field<unknown>): string {
  switch (field.kind) {
    case 'choice':
    case 'flag':
      return `${input(form, `id="${id}"`, `field.${name}`, field)}${environmentButton(form)}`
    case 'node':
      return `<input type="text" id="${id}" style="width: 100%">`
    case 'code':
      return `<input type="hidden" id="${id}"><div class="node-text-editor" id="${id}-code"></div>`
    case 'table':
      return tableMarkup(form, name, field.columns ?? {})
    default:
      return input(form, `id="${id}"`, `field.${name}`, field)
  }
}

function input(form: Form, attributes: string, key: string, field: Field<unknown>): string {
  if (field.kind === 'choice') {
    const options = (field.values ?? []).map(
      (value) => `<option value="${value}" ${i18n(form, `${key}.choice.${choiceKey(value)}`)}></option>`,
    )
    return `<select ${attributes}>${options.join('')}</select>`
  }
  if (field.kind === 'flag') return `<input type="checkbox" ${attributes}>`
  const type = field.kind === 'secret' && field.masked ? 'password' : 'text'
  const placeholder = field.placeholder === undefined ? '' : ` ${i18n(form, `[placeholder]${key}.placeholder`)}`
  return `<input type="${type}" ${attributes}${placeholder}>`
}

function environmentButton(form: Form): string {
  const title = i18n(form, '[title]form.environment')
  return `<button type="button" class="red-ui-button red-ui-button-small rowline-environment" ${title}>\${ }</button>`
}

/** Header and one row to copy. */
function tableMarkup(form: Form, name: string, columns: Fields): string {
  const entries = Object.entries(columns)
  const key = (column: string) => `field.${name}.column.${column}`
  const heads = entries.map(
    ([column]) => `<span ${i18n(form, `[title]${key(column)}.note`, `${key(column)}.label`)}></span>`,
  )
  const cells = entries.map(([column, field]) => input(form, `data-column="${column}"`, key(column), field))
  const grid = `style="grid-template-columns: ${entries.map(([, field]) => columnWidth(field)).join(' ')}"`
  return `
    <div class="rowline-columns" ${grid}>${heads.join('')}</div>
    <ol class="rowline-rows"></ol>
    <div class="rowline-cells" ${grid} hidden>${cells.join('')}</div>
    <span class="rowline-add" hidden ${i18n(form, 'form.addRow')}></span>
  `
}

function columnWidth(field: Field<unknown>): string {
  if (field.kind === 'flag') return '40px'
  if (field.kind === 'choice')
    return Math.max(...(field.values ?? []).map((value) => value.length)) < 4 ? '56px' : '2fr'
  if (field.kind === 'integer') return '72px'
  return field.required ? 'minmax(0, 3fr)' : 'minmax(0, 2fr)'
}
