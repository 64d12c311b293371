import { type FieldProblem, parseFields } from '../../../src/config/fields.ts'
import { translated } from '../../../src/core/problem.ts'
import { checkRowSchema, rowSchemaFields, schemaOf } from '../../../src/rows/config.ts'
import { type SchemaView, schemaViews, showSchema, writeSchema } from '../../../src/rows/convert/schema-views.ts'
import type { ParsedSchema } from '../../../src/rows/parse-ddl.ts'
import type { DialogPart } from './dialog-part.ts'
import { registerFirstRows } from './first-rows-dialog.ts'
import { openImportDialog, registerImportTable } from './import-table-dialog.ts'
import { InferSection } from './infer-section.ts'
import type { Values } from './problems.ts'

/** Below the fields of a row schema: its columns, conversions, inference, and the import of a whole table. The main menu gets what makes nodes. */
export const part: DialogPart = {
  register: (texts, textsOf) => {
    registerImportTable({ texts, say: (problem) => translated(problem, textsOf('row-schema')) })
    registerFirstRows(texts, textsOf)
  },
  open(section, form, texts) {
    const parts = markup(section, texts)
    let schema: ParsedSchema | undefined
    const show = () => {
      schema = schemaIn(form.values())
      const view = parts.view.val() as SchemaView
      const without = () => ({ text: texts(schema || isEmpty(form.values()) ? 'none' : 'unread'), notices: [] })
      const { text, notices } = schema?.columns.length ? showSchema(schema, view) : without()
      parts.text.text(text)
      fill(parts.notices, [...(schema?.ignored ?? []), ...notices])
      parts.use.prop('disabled', schema === undefined || writeSchema(schema, view) === undefined)
    }
    const write = (source: ParsedSchema, view: SchemaView) => {
      for (const [field, value] of Object.entries(writeSchema(source, view) ?? {})) form.write(field, value)
      show()
    }
    parts.view.on('change', show)
    parts.use.on('click', () => schema && write(schema, parts.view.val() as SchemaView))
    parts.table.on('click', () => openImportDialog({ texts, say: form.say }, form.id))
    const inference = new InferSection(parts.folded, texts, {
      say: form.say,
      take: (columns) => {
        const written = String(form.values().writtenAs) as SchemaView
        write({ columns, ignored: [], decoding: {} }, schemaViews.includes(written) ? written : 'sql')
      },
    })
    if (inference.takeOver()) parts.folded.prop('open', true)
    show()
    return { changed: show, close: () => inference.close() }
  },
}

const isEmpty = ({ writtenAs, schema, columns, jsonSchema }: Values): boolean => {
  const written = { sql: schema, columns, 'json-schema': jsonSchema }[String(writtenAs)]
  return Array.isArray(written) ? written.length === 0 : String(written ?? '').trim() === ''
}

/** Undefined while something is wrong with it. */
function schemaIn(values: Values): ParsedSchema | undefined {
  const { config } = parseFields(rowSchemaFields, values)
  const problems: readonly FieldProblem[] = config === undefined ? [] : checkRowSchema(config)
  return config === undefined || problems.length > 0 ? undefined : schemaOf(config)
}

function fill(list: JQuery, lines: readonly string[]): void {
  list.empty().append(lines.map((line) => $('<li>').text(line)))
}

function markup(section: JQuery, texts: (key: string) => string) {
  const button = (key: string) => $('<button type="button" class="red-ui-button">').text(texts(key))
  const view = $<HTMLSelectElement>('<select>').append(
    schemaViews.map((each) => $('<option>').val(each).text(texts(each))),
  )
  const parts = {
    view,
    use: button('use').addClass('rowline-use'),
    text: $('<pre class="rowline-shown">'),
    notices: $('<ul class="rowline-notices">'),
    folded: $('<details class="rowline-folded rowline-payloads">'),
    table: button('import').addClass('rowline-import-table'),
  }
  parts.folded.append(
    $('<summary>').text(texts('inferTitle')),
    $('<div class="rowline-note">').text(texts('inferNote')),
  )
  const line = $('<div class="rowline-view">').append($('<span>').text(texts('show')), view, parts.use, parts.table)
  section.empty().append(line, parts.text, parts.notices, parts.folded)
  return parts
}
