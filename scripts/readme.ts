import { classTexts, entryOf, findingCodes } from '../nodes/shared/guarantee/findings.ts'
import type { NodeDeclaration } from '../src/config/declaration.ts'
import type { Field, Fields } from '../src/config/fields.ts'
import { settingsFields } from '../src/config/settings.ts'
import { type Disposition, errorTable } from '../src/core/errors.ts'
import { type DeclaredMetric, metricTable } from '../src/metrics/table.ts'
import { defaultText } from './help.ts'

/** Replaces what stands between `<!-- generated:name:start -->` and `<!-- generated:name:end -->`. */
export function replaceSection(readme: string, name: string, content: string): string {
  const [start, end] = [`<!-- generated:${name}:start -->`, `<!-- generated:${name}:end -->`]
  const [from, to] = [readme.indexOf(start), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the document lacks the markers ${start} and ${end}`)
  return `${readme.slice(0, from + start.length)}\n${content}\n${readme.slice(to)}`
}

/** Everything that the guarantee check can find. */
export function findingList(): string {
  const rows = findingCodes.map((code) => {
    const { limits, text, advice } = entryOf(code)
    return `| \`${code}\` | ${limits ? classTexts[limits] : 'may'} | … ${text} | ${advice} |`
  })
  return ['| Finding | Class | The node … | What to do |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** One section per node type with its options. */
export function optionTables(declarations: readonly NodeDeclaration[]): string {
  return declarations.map(optionTable).join('\n\n')
}

function optionTable({ type, label, summary, fields }: NodeDeclaration): string {
  const page = `[What goes in, what comes out](docs/nodes/${type}.md).`
  return fieldTable(`### ${label} (\`${type}\`)`, `${summary} ${page}`, fields)
}

/** The page of a node: the text of its help panel, with the properties of messages as Markdown has lists, and its options. */
export function nodePage({ type, label, summary, fields }: NodeDeclaration, help: string): string {
  const prose = help
    .trim()
    .replace(/^### /gm, '## ')
    .replace(/^: ([^:]+?) ?(\([^:]+\)) : (.*)$/gm, '- **$1** $2: $3')
    .replace(/^(\d\. .*)\n(?=- )/gm, '$1\n\n')
  const title = `# ${label}\n\n<!-- Made by npm run generate from nodes/${type}. -->`
  return `${title}\n\n${summary}\n\n${prose}\n\n${fieldTable('## Options', `Node type \`${type}\`.`, fields)}\n`
}

/** What stands in settings.js. */
export function settingsTable(): string {
  const where = 'In the `settings.js` of Node-RED, for all nodes together: `rowline: { memoryBytes: "128 MiB" }`.'
  return fieldTable('### settings.js', where, settingsFields)
}

function fieldTable(heading: string, summary: string, fields: Fields): string {
  const rows = Object.entries(fields).flatMap(([name, field]) => [
    optionRow(name, field),
    ...Object.entries(field.columns ?? {}).map(([column, inner]) => optionRow(`${name}[].${column}`, inner)),
  ])
  return [
    heading,
    '',
    summary,
    '',
    '| Option | Property | Default | What it does |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function optionRow(property: string, field: Field<unknown>): string {
  const named = (value: string) => {
    const label = field.valueLabels?.[value]
    return `\`${value}\`${label === undefined ? '' : ` (${label})`}`
  }
  const choices = field.kind === 'choice' ? ` One of ${field.values?.map(named).join(', ')}.` : ''
  const cells = [field.label, `\`${property}\``, defaultText(field), `${field.note}${choices}`]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

const consequences: { readonly [disposition in Disposition]: string } = {
  retry: 'tried again',
  reject: 'the record goes to output 2 or the dead letter',
  config: 'nothing is lost or acknowledged; red until somebody corrects it',
  fatal: 'red until the next deploy or restart',
}

/** Every metric of `/rowline/metrics`. */
export function metricList(): string {
  const rows = Object.entries(metricTable).map(([name, { type, labels, help }]: [string, DeclaredMetric]) => {
    const names = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${type} | ${names} | ${help.replaceAll('|', '\\|')} |`
  })
  return ['| Metric | Type | Labels | What it says |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

/** Every error code, what happens to the record, and what the message says. */
export function errorList(): string {
  const rows = Object.entries(errorTable).map(([code, entry]) => {
    const reason = 'reason' in entry ? `\`${entry.reason}\`` : ''
    const effect = 'effect' in entry ? entry.effect : consequences[entry.disposition]
    return `| \`${code}\` | ${effect} | ${reason} | ${entry.message.replaceAll('|', '\\|')} |`
  })
  return ['| Code | What happens | `msg.reason` | Message |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
