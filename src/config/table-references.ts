import { hasReference } from './environment.ts'
import type { Field, Fields } from './fields.ts'

type Raw = { readonly [property: string]: unknown }

/** How many config nodes the rows of one table may name so that Node-RED knows of it. The ids of more stay in their cells. */
const most = 64

interface Reference {
  readonly table: string
  readonly column: string
  readonly nodeType: string
}

function referencesIn(fields: Fields): readonly Reference[] {
  return Object.entries(fields).flatMap(([table, { columns = {} }]) =>
    Object.entries(columns).flatMap(([column, { nodeType }]: [string, Field<unknown>]) =>
      nodeType === undefined ? [] : [{ table, column, nodeType }],
    ),
  )
}

/** `routes` and `schema`: `routesSchema1`. */
const slotName = ({ table, column }: Reference, i: number) =>
  `${table}${column[0]!.toUpperCase()}${column.slice(1)}${i + 1}`

const slotNames = (reference: Reference) => Array.from({ length: most }, (_none, i) => slotName(reference, i))

/**
 * Properties of a node beside its fields, each with the id of one config node that a table refers to; the cell has the
 * name of the property. Node-RED exports, counts, and gives new ids to, what such properties name, and sees no table.
 */
export const slotsOf = (fields: Fields): readonly { readonly name: string; readonly nodeType: string }[] =>
  referencesIn(fields).flatMap((one) => slotNames(one).map((name) => ({ name, nodeType: one.nodeType })))

/** A node's properties with ids in the cells, whether they were there or in the properties that the cells name. */
export const withIds = (fields: Fields, raw: Raw): Raw =>
  referencesIn(fields).reduce((values, reference) => {
    const names = new Set(slotNames(reference))
    return withCells(values, reference, (cell) => (names.has(String(cell)) ? (raw[String(cell)] ?? '') : cell))
  }, raw)

/** The same as a flow has it, and every slot: undefined where nothing needs it. */
export function withSlots(fields: Fields, raw: Raw): Raw {
  return referencesIn(fields).reduce(
    (values, reference) => {
      const names = slotNames(reference)
      const ids: unknown[] = []
      const stored = withCells(values, reference, (cell) => {
        if (typeof cell !== 'string' || cell === '' || hasReference(cell)) return cell
        if (!ids.includes(cell)) ids.push(cell)
        return names[ids.indexOf(cell)] ?? cell
      })
      return { ...stored, ...Object.fromEntries(names.map((name, i) => [name, ids[i]])) }
    },
    withIds(fields, raw),
  )
}

function withCells(raw: Raw, { table, column }: Reference, change: (cell: unknown) => unknown): Raw {
  const rows = raw[table]
  if (!Array.isArray(rows)) return raw
  const changed = (row: unknown) =>
    row !== null && typeof row === 'object' ? { ...row, [column]: change((row as Raw)[column]) } : row
  return { ...raw, [table]: rows.map(changed) }
}
