import { type ColumnType, formatType, type Item, type RowSchema } from '../../core/row-schema.ts'
import { type Codec, codecOf, type TableType } from './codecs.ts'

/** A column of the table as the sink means it. */
export interface Target {
  readonly name: string
  readonly type: TableType
  /** As what it may exist. */
  readonly takes: readonly TableType[]
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED'
  /** What a value has to be, for whoever reads why it is refused. */
  readonly expected: string
  /** Exactly one of these two. */
  readonly codec?: Codec
  readonly columns?: readonly Target[]
}

export const targetsOf = ({ columns }: RowSchema): readonly Target[] =>
  columns.map((column) => targetOf(column.name, column))

function targetOf(name: string, { type, notNull }: Item): Target {
  if (type.kind === 'ARRAY' && codecOf(type) === undefined)
    return { ...partOf(name, type.element.type), mode: 'REPEATED' }
  return { ...partOf(name, type), mode: notNull ? 'REQUIRED' : 'NULLABLE' }
}

function partOf(name: string, type: ColumnType): Omit<Target, 'mode'> {
  const expected = type.kind === 'ROW' ? 'an object' : formatType(type)
  const codec = codecOf(type)
  if (codec) return { name, type: codec.type, takes: codec.takes, expected, codec }
  const columns = type.kind === 'ROW' ? targetsOf(type) : []
  return { name, type: 'RECORD', takes: ['RECORD'], expected, columns }
}

/** A column that a sink fills from what a record says about itself. */
export const plainTarget = (name: string, codec: Codec): Target => ({
  name,
  type: codec.type,
  takes: codec.takes,
  mode: 'NULLABLE',
  expected: codec.type,
  codec,
})

const columnName = /^[A-Za-z_][A-Za-z0-9_]{0,299}$/
const reserved = /^(_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER)/i

/** Why BigQuery would not have these columns: sentences without their subject. */
export function nameProblems(targets: readonly Target[], path = ''): readonly string[] {
  const known = new Set<string>()
  return targets.flatMap(({ name, columns = [] }) => {
    const shown = path + name
    const lower = name.toLowerCase()
    const isTwice = known.has(lower)
    known.add(lower)
    return [
      ...(columnName.test(name) ? [] : [`cannot have the column ${shown}: a name is of A-Z a-z 0-9 _ alone`]),
      ...(reserved.test(name) ? [`cannot have the column ${shown}: BigQuery keeps such names for itself`] : []),
      ...(isTwice ? [`has the column ${shown} twice: BigQuery does not tell upper from lower case`] : []),
      ...nameProblems(columns, `${shown}.`),
    ]
  })
}
