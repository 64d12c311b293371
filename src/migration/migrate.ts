import { hasReference } from '../config/environment.ts'
import { parseField } from '../config/fields.ts'
import type { Notice } from '../config/migration-notices.ts'
import { readSettings } from '../config/settings-text.ts'
import { Problem } from '../core/problem.ts'
import { blankRow, placeParts } from './node-fields.ts'
import { type Meaning, type Option, type Place, type SinkType, type System, textOf } from './option.ts'
import { isTable, type Pasted, type PastedTable } from './pasted.ts'

/** What has become of one pasted setting. */
export type MigratedLine = { readonly key: string } & (
  | { readonly outcome: 'refused'; readonly place: Place | undefined; readonly problem: Problem }
  /** Nothing to set: the key of the reason, of the Kafka import behind `kafka:`. */
  | { readonly outcome: 'noted'; readonly notice: string }
  /** For a node that is not made. */
  | { readonly outcome: 'elsewhere'; readonly place: Place }
  | { readonly outcome: 'unknown' }
  /** `notice` is what to know of it: a key as above. */
  | { readonly outcome: 'applied'; readonly places: readonly Place[]; readonly notice?: Notice }
)

export interface Migration {
  /** By node type and property, as a flow has them; secrets among them, which belong into credentials. */
  readonly nodes: { readonly [type: string]: { readonly [property: string]: unknown } }
  /** One for each setting that has a value, in the order of the text. */
  readonly lines: readonly MigratedLine[]
}

/** The system most of whose names are in the text; undefined where there are none. */
export function guessSystem(systems: readonly System[], pasted: PastedTable): System | undefined {
  const pasteable = systems.filter(({ importedBy }) => importedBy === 'nodes')
  const scores = pasteable.map((system) => ({ system, found: settingsIn(system, pasted).filter(isKnown).length }))
  const best = scores.toSorted((a, b) => b.found - a.found)[0]
  return best !== undefined && best.found > 0 ? best.system : undefined
}

/** The values of the nodes that take the place of `system`, which write to `sinks`. What a field refuses is left out. */
export function migrate(system: System, sinks: readonly SinkType[], pasted: PastedTable): Migration {
  const settings = settingsIn(system, pasted)
  const lookup = (name: string) => {
    const found = settings.find(({ option }) => option?.names.includes(name))
    return found === undefined ? undefined : textOf(found.value)
  }
  const draft = new Draft(sinks)
  const lines = settings.filter(({ value }) => value !== '').flatMap((setting) => linesOf(setting, lookup, draft))
  return { nodes: draft.nodes(), lines }
}

interface Setting {
  readonly key: string
  readonly value: Pasted
  readonly option: Option | undefined
}

const isKnown = ({ option }: Setting) => option !== undefined

/** Tables are opened until a name is one of the system's. */
function settingsIn(system: System, pasted: PastedTable): readonly Setting[] {
  const nameOf = system.nameOf ?? ((name: string) => name)
  const byName = new Map(
    system.options.flatMap((option) => option.names.map((name) => [nameOf(name), option] as const)),
  )
  const open = (table: PastedTable, path: string): readonly Setting[] =>
    Object.entries(table).flatMap(([name, value]) => {
      const key = `${path}${name}`
      const option = byName.get(nameOf(key))
      const takes = option?.example
      if (takes !== undefined && (isTable(takes) || !isTable(value))) return [{ key, value, option }]
      return isTable(value) ? open(value, `${key}.`) : [{ key, value, option: undefined }]
    })
  return open(pasted, '')
}

function linesOf({ key, value, option }: Setting, lookup: (name: string) => string | undefined, draft: Draft) {
  if (option === undefined) return [{ key, outcome: 'unknown' }] satisfies MigratedLine[]
  const meaning = option.read(value, lookup)
  if (option.each === undefined || meaning instanceof Problem)
    return [lineOf(key, meaning, draft), ...unknownColumns(key, value, option)]
  const table = isTable(value) ? value : tableOf(textOf(value))
  return Object.entries(table).flatMap(([name, inner]) => {
    const text = Array.isArray(inner) ? inner.map(textOf).join() : textOf(inner)
    return text === '' ? [] : [lineOf(`${key}.${name}`, option.each!(name, text, table), draft)]
  })
}

function tableOf(text: string): PastedTable {
  const settings = readSettings(text.replace(/^@json\s*/, ''))
  return settings instanceof Problem ? {} : Object.fromEntries(settings)
}

function unknownColumns(key: string, value: Pasted, { columns }: Option): readonly MigratedLine[] {
  if (columns === undefined || !Array.isArray(value)) return []
  return value.flatMap((table: Pasted, i) =>
    (isTable(table) ? Object.keys(table) : [])
      .filter((name) => !columns.includes(name))
      .map((name) => ({ key: `${key}[${i}].${name}`, outcome: 'unknown' as const })),
  )
}

function lineOf(key: string, meaning: Meaning, draft: Draft): MigratedLine {
  if (meaning === undefined) return { key, outcome: 'unknown' }
  if (meaning instanceof Problem) return { key, outcome: 'refused', place: undefined, problem: meaning }
  if ('notice' in meaning) return { key, outcome: 'noted', notice: meaning.notice }
  for (const [place, value] of Object.entries(meaning.set)) {
    const problem = problemOf(place, value)
    if (problem !== undefined) return { key, outcome: 'refused', place, problem }
  }
  const places = Object.entries(meaning.set).flatMap(([place, value]) => draft.put(place, value))
  return places.length > 0
    ? { key, outcome: 'applied', places, ...(givesUp(meaning.set) ? { notice: 'finiteRetries' } : {}) }
    : { key, outcome: 'elsewhere', place: Object.keys(meaning.set)[0]! }
}

/** An outage that is long enough then moves readings that nothing is wrong with. */
const givesUp = (set: { readonly [place: Place]: unknown }): boolean =>
  Object.entries(set).some(([place, value]) => place.endsWith('.maxRetries') && value !== '0')

function problemOf(place: Place, value: string | readonly string[]): Problem | undefined {
  const { field } = placeParts(place)
  for (const one of [value].flat()) {
    const parsed = hasReference(one) ? undefined : parseField(field, one)
    if (parsed instanceof Problem) return parsed
  }
  return undefined
}

/** The nodes that are made whatever is pasted, and one that comes when something is set in it. */
const always = ['mqtt-v3-source', 'mqtt-v3-in']
const onDemand = 'row-decoder'

class Draft {
  readonly #sinks: readonly SinkType[]
  readonly #nodes = new Map<string, Map<string, unknown>>()
  readonly #columns = new Map<string, Map<string, string | readonly string[]>>()

  constructor(sinks: readonly SinkType[]) {
    this.#sinks = sinks
    for (const type of [...always, ...sinks]) this.#nodes.set(type, new Map())
    if (sinks.includes('kafka-sink')) this.#nodes.set('kafka-cluster', new Map())
    if (sinks.some((sink) => sink === 'pubsub-sink' || sink === 'bigquery-sink'))
      this.#nodes.set('google-cloud', new Map())
  }

  /** Where it has been put: nowhere when the node is not made. */
  put(place: Place, value: string | readonly string[]): readonly Place[] {
    const { type, property, column, field } = placeParts(place)
    const types = type === 'sink' ? this.#sinks : type === onDemand || this.#nodes.has(type) ? [type] : []
    for (const one of types) {
      if (column === undefined) this.#node(one).set(property, field.kind === 'flag' ? flagOf(value) : value)
      else this.#columnsOf(`${one}.${property}`).set(column, value)
    }
    return types.map((one) => place.replace(/^[\w-]+/, one))
  }

  nodes(): Migration['nodes'] {
    for (const [table, columns] of this.#columns) {
      const [type, property] = table.split('.') as [string, string]
      this.#node(type).set(property, rowsOf(blankRow(type, property), columns))
    }
    return Object.fromEntries([...this.#nodes].map(([type, values]) => [type, Object.fromEntries(values)]))
  }

  #node(type: string): Map<string, unknown> {
    const found = this.#nodes.get(type) ?? new Map<string, unknown>()
    this.#nodes.set(type, found)
    return found
  }

  #columnsOf(table: string): Map<string, string | readonly string[]> {
    const found = this.#columns.get(table) ?? new Map<string, string | readonly string[]>()
    this.#columns.set(table, found)
    return found
  }
}

const flagOf = (value: unknown) => (value === 'true' ? true : value === 'false' ? false : value)

/** Lists have a value for each row; a text counts for all of them. */
function rowsOf(blank: object, columns: ReadonlyMap<string, string | readonly string[]>): readonly object[] {
  const count = Math.max(1, ...[...columns.values()].map((value) => (typeof value === 'string' ? 1 : value.length)))
  return Array.from({ length: count }, (_, i) => {
    const cells = [...columns].map(([name, value]) => [name, typeof value === 'string' ? value : (value[i] ?? '')])
    return { ...blank, ...Object.fromEntries(cells) }
  })
}
