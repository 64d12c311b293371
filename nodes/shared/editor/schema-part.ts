import { type FieldProblem, parseFields } from '../../../src/config/fields.ts'
import { Problem, translated } from '../../../src/core/problem.ts'
import type { Sampled } from '../../../src/mqtt/sample-limits.ts'
import { checkRowSchema, rowSchemaFields, schemaOf } from '../../../src/rows/config.ts'
import { type SchemaView, schemaViews, showSchema, writeSchema } from '../../../src/rows/convert/schema-views.ts'
import { inferColumns } from '../../../src/rows/infer.ts'
import type { ParsedSchema } from '../../../src/rows/parse-ddl.ts'
import type { DialogPart, OpenPart } from './dialog-part.ts'
import { flowEditor } from './editor-flow.ts'
import { registerFirstRows } from './first-rows-dialog.ts'
import { openImportDialog, registerImportTable } from './import-table-dialog.ts'
import { addOption } from './input.ts'
import type { Values } from './problems.ts'
import { openSample, payloadLines, type SampleSource, takeHandedOver } from './sample.ts'

/** Below the fields of a row schema: its columns, conversions, inference, and the import of a whole table. The main menu gets what makes nodes. */
export const part: DialogPart = {
  register: (texts, textsOf) => {
    registerImportTable({ texts, say: (problem) => translated(problem, textsOf('row-schema')) })
    registerFirstRows(texts)
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
    parts.infer.on('click', () => infer(String(parts.payloads.val() ?? ''), parts.reasons, form, write))
    parts.table.on('click', () => openImportDialog({ texts, say: form.say }, form.id))
    const close = offerSamples(parts, texts)
    show()
    return { changed: show, close }
  },
}

/** Payloads from a broker come in the place of what is entered; those of an open `mqtt-v3-in` are there at once. */
function offerSamples(parts: ReturnType<typeof markup>, texts: (key: string) => string): () => void {
  const enter = (samples: readonly Sampled[]) => parts.payloads.val(payloadLines(samples).join('\n'))
  let samples: readonly Sampled[] = []
  const { line, close } = openSample(
    texts,
    () => (flowEditor().nodes.node(String(parts.inputs.val())) ?? undefined) as unknown as SampleSource | undefined,
    {
      started: () => {
        samples = []
      },
      arrived: (sample) => {
        samples = [...samples, sample]
        enter(samples)
      },
    },
  )
  line.find('button').after($('<span>').text(texts('sampleOf')), parts.inputs)
  parts.payloads.before(line)
  flowEditor().nodes.eachNode((node) => {
    if (node.type === 'mqtt-v3-in') addOption(parts.inputs, node.id, flowEditor().utils.getNodeLabel(node, node.id))
    return true
  })
  line.toggle(parts.inputs.children().length > 0)
  const handed = takeHandedOver()
  if (handed.length > 0) {
    enter(handed)
    parts.folded.prop('open', true)
    setTimeout(() => parts.infer.trigger('click'))
  }
  return close
}

function infer(
  text: string,
  list: JQuery,
  form: OpenPart,
  write: (schema: ParsedSchema, view: SchemaView) => void,
): void {
  const inferred = inferColumns(text.split('\n').filter((line) => line.trim() !== ''))
  if (inferred instanceof Problem) {
    fill(list, [form.say(inferred)])
    return
  }
  const written = String(form.values().writtenAs) as SchemaView
  write({ columns: inferred.columns, ignored: [], decoding: {} }, schemaViews.includes(written) ? written : 'sql')
  fill(
    list,
    inferred.reasons.map(({ path, type, why }) => `${path}: ${type} (${why})`),
  )
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
    payloads: $<HTMLTextAreaElement>('<textarea rows="6" spellcheck="false">'),
    infer: button('infer').addClass('rowline-infer'),
    inputs: $<HTMLSelectElement>('<select>'),
    folded: $('<details class="rowline-folded rowline-payloads">'),
    reasons: $('<ul class="rowline-reasons" role="status">'),
    table: button('import').addClass('rowline-import-table'),
  }
  parts.folded.append(
    $('<summary>').text(texts('inferTitle')),
    $('<div class="rowline-note">').text(texts('inferNote')),
    parts.payloads,
    parts.infer,
    parts.reasons,
  )
  const line = $('<div class="rowline-view">').append($('<span>').text(texts('show')), view, parts.use, parts.table)
  section.empty().append(line, parts.text, parts.notices, parts.folded)
  return parts
}
