import { fieldProblems } from '../config/fields.ts'
import type { Notice } from '../config/migration-notices.ts'
import type { Problem } from '../core/problem.ts'
import { isTable, type Pasted, type PastedTable } from './pasted.ts'

/**
 * A property of a node: `type.property`, a column of a table `type.property[].column`. The type `sink` stands for every
 * sink that is made, `settings` for the settings.js of Node-RED, which no import can change.
 */
export type Place = string

/** What a setting says in the words of our nodes. A column takes one text for all rows, or a list with one for each. */
export type Meaning =
  | { readonly set: { readonly [place: Place]: string | readonly string[] } }
  | { readonly notice: Notice | `kafka:${string}` }
  | Problem
  | undefined

/** The text of another setting. */
export type Lookup = (name: string) => string | undefined

/** One option of another system: a row of docs/migrating.md, and what the import does. */
export interface Option {
  /** As that system calls it: in its documentation, its file, its environment. */
  readonly names: readonly string[]
  /** What it sets. Empty: nothing, and `note` says why. */
  readonly here: readonly Place[]
  /** What is different, in a sentence or two. */
  readonly note: string
  /** A value that the import takes, as it may stand in a file. Undefined where there is nothing to import. */
  readonly example: Pasted | undefined
  /** Undefined as a meaning: there is no such thing here. */
  read(value: Pasted, settings: Lookup): Meaning
  /** Of a table: what one setting in it says. */
  readonly each?: (name: string, value: string, settings: PastedTable) => Meaning
  /** Of a list of tables: what may stand in them. `read` gets the list. */
  readonly columns?: readonly string[]
}

/** The sinks with delivery modes, as the user may choose one. */
export const sinkTypes = ['kafka-sink', 'pubsub-sink', 'bigquery-sink', 'mqtt-v3-out', 'file-sink'] as const
export type SinkType = (typeof sinkTypes)[number]

export interface System {
  readonly key: string
  /** The heading of its section. */
  readonly title: string
  /** Markdown below the heading. */
  readonly about: string
  readonly options: readonly Option[]
  /** `table`: by *Import table…*. `form`: by *Import settings* of the Kafka nodes. `nodes`: as new nodes, by the dialog. */
  readonly importedBy: 'table' | 'form' | 'nodes'
  /** What it writes to. Empty: the user chooses. */
  readonly sinks: readonly SinkType[]
  /** The name of a setting as `names` has it. */
  nameOf?(pasted: string): string
}

export const textOf = (value: Pasted): string => (typeof value === 'string' ? value.trim() : '')

/** A list, or a text with commas (with brackets and quotes, as in an environment variable). */
export function listOf(value: Pasted): readonly string[] {
  const parts = typeof value === 'string' ? value.replace(/^\s*\[|\]\s*$/g, '').split(',') : Object.values(value)
  return parts.map((part) => textOf(part).replace(/^(["'])(.*)\1$/, '$2')).filter((part) => part !== '')
}

type Convert = (value: string) => string

const same: Convert = (value) => value
/** A number with its unit, which amounts of the form may have. */
export const unit =
  (name: 's' | 'ms' | 'B'): Convert =>
  (value) =>
    /^\d+$/.test(value) ? `${value} ${name}` : value
export const flag: Convert = (value) =>
  /^(?:true|t|1|yes|on)$/i.test(value) ? 'true' : /^(?:false|f|0|no|off)$/i.test(value) ? 'false' : value
export const not: Convert = (value) => (flag(value) === 'true' ? 'false' : flag(value) === 'false' ? 'true' : value)
export const colons: Convert = (value) => value.replace(/\s*,\s*/g, ':')

/** An option with one place, which takes its value. */
export function to(
  names: string | readonly string[],
  place: Place,
  note: string,
  example: string,
  convert = same,
): Option {
  const read = (value: Pasted): Meaning =>
    isTable(value) ? fieldProblems.of('text') : { set: { [place]: convert(listless(value)) } }
  return { names: [names].flat(), here: [place], note, example, read }
}

const listless = (value: Pasted) => (typeof value === 'string' ? textOf(value) : listOf(value).join(','))

/** An option with an own way of reading it. */
export function option(
  names: string | readonly string[],
  here: readonly Place[],
  note: string,
  example: Pasted,
  read: Option['read'],
  more: Pick<Option, 'each' | 'columns'> = {},
): Option {
  return { names: [names].flat(), here, note, example, read, ...more }
}

/** An option that needs nothing here. */
export const needless = (names: string | readonly string[], notice: Notice, note: string): Option => ({
  names: [names].flat(),
  here: [],
  note,
  example: 'x',
  read: () => ({ notice }),
})

/** An option of the documentation that no import meets, or that another one imports. */
export const told = (names: string | readonly string[], here: readonly Place[], note: string): Option => ({
  names: [names].flat(),
  here,
  note,
  example: undefined,
  read: () => undefined,
})
