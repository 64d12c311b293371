import { compileTemplate, joined, templateProblem } from '../../core/metadata.ts'
import { NumberText } from '../../core/number-text.ts'
import type { Problem } from '../../core/problem.ts'
import { type Record, type Row, toJson, type Value } from '../../core/record.ts'

/** `{payload.metadata.siteId}`: a column of the row, inside sub-rows. */
const columns = /(\{payload\.[^{}]+\})/
const onlyColumn = /^\{payload\.([^{}]+)\}$/

/** Why a text is not a template of columns and of what core knows, without its subject. */
export function recordTemplateProblem(template: string): Problem | undefined {
  return templateProblem(
    template
      .split(columns)
      .filter((part) => !onlyColumn.test(part))
      .join(''),
  )
}

/** The text for one record; undefined when the record has no value for one of the placeholders. */
export function compileRecordTemplate(template: string): (record: Record) => string | undefined {
  const parts = template
    .split(columns)
    .filter((part) => part !== '')
    .map((part) => {
      const column = compileColumn(part)
      return column ? (record: Record) => textOf(column(record)) : compileTemplate(part)
    })
  return joined(parts)
}

/** With the type that the column has; text where the template is more than one column. Null where it is not known. */
export function compileValue(template: string): (record: Record) => Value {
  const column = compileColumn(template)
  if (column) return (record) => column(record) ?? null
  const textFor = compileRecordTemplate(template)
  return (record) => textFor(record) ?? null
}

function compileColumn(template: string): ((record: Record) => Value | undefined) | undefined {
  const path = onlyColumn.exec(template)?.[1]?.split('.')
  return path && (({ payload }) => path.reduce<Value | undefined>(inner, payload))
}

function inner(value: Value | undefined, name: string): Value | undefined {
  return isRow(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

const isRow = (value: Value | undefined): value is Row =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array || value instanceof NumberText)

function textOf(value: Value | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : toJson(value)
}
