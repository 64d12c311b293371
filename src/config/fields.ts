import { Problem } from '../core/problem.ts'
import { formatAmount, parseAmount } from './amounts.ts'

/** What every field may say about a value. */
export const fieldProblems = Problem.area('field', {
  required: 'is required',
  text: 'must be text',
  integer: 'must be a whole number from {min} to {max}',
  duration: 'must be a time from {min} to {max}',
  bytes: 'must be a size from {min} to {max}',
  choice: 'must be one of {values}',
  flag: 'must be true or false',
  node: 'must be a reference to a node',
  table: 'must be a list of rows',
  rows: 'needs at least one row',
  columnTwice: 'name the column {column} twice',
})

/** What only the runtime says: the editor shows the problem of a cell at the cell, and knows no variables. */
export const runtimeProblems = Problem.area('runtime', {
  cells: '{cells}',
  unset: 'needs the environment variable {name}, which is not set',
  emptied: 'comes from a variable that is set to nothing',
})

export type FieldKind =
  | 'text'
  | 'code'
  | 'secret'
  | 'integer'
  | 'duration'
  | 'bytes'
  | 'choice'
  | 'flag'
  | 'node'
  | 'table'

/**
 * One option, said once. Static type, parsing, editor defaults, validators, credentials, form, help, locale keys and
 * README tables all come from this. Everything here also runs in the browser.
 */
export interface Field<T> {
  readonly kind: FieldKind
  readonly label: string
  /** One or two plain sentences: what it does, and when to change it. Becomes help text and README row. */
  readonly note: string
  /** Folded away in the form. */
  readonly advanced: boolean
  /** What an absent or empty value means; `undefined` together with `required` asks the user for one. */
  readonly default: T | undefined
  readonly required: boolean
  readonly placeholder?: string
  /** An empty text is a value of its own, not the default. */
  readonly blank?: boolean
  /** A variable in it that is set to nothing is a mistake, not an empty value. */
  readonly filled?: boolean
  /** secret: hidden while it is typed. */
  readonly masked?: boolean
  readonly min?: number
  readonly max?: number
  /** choice: what may be chosen. */
  readonly values?: readonly string[]
  /** choice: how the form names those whose value says too little. */
  readonly valueLabels?: { readonly [value: string]: string }
  /** table: its columns. */
  readonly columns?: Fields
  /** code: of its text; SQL where nothing is said. */
  readonly language?: 'json'
  /** node: the type of the config node referred to. */
  readonly nodeType?: string
  /** Shown in the form only while another field has one of these values. */
  readonly when?: { readonly field: string; readonly values: readonly (string | boolean)[] }
  /** Never called with undefined or null, with '' only where `blank` says so. */
  readonly parse: (raw: unknown) => T | Problem
}

export type Fields = { readonly [name: string]: Field<unknown> }

/** The parsed configuration that a record of fields describes. */
export type ConfigOf<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never
}

interface Common {
  readonly label: string
  readonly note: string
  readonly advanced?: boolean
  readonly placeholder?: string
  readonly when?: { readonly field: string; readonly values: readonly (string | boolean)[] }
}

interface TextOptions extends Common {
  /** Leave out to make the field required; '' makes it optional. */
  readonly default?: string
  /** Lets an empty text stand for itself where the default is another one. */
  readonly blank?: boolean
  /** A variable in it that is set to nothing is a mistake, not an empty value. */
  readonly filled?: boolean
  /** Why the text is wrong. */
  readonly check?: (value: string) => Problem | undefined
}

function base(options: Common): Pick<Field<never>, 'label' | 'note' | 'advanced'> & Partial<Field<never>> {
  return {
    label: options.label,
    note: options.note,
    advanced: options.advanced ?? false,
    ...(options.placeholder === undefined ? {} : { placeholder: options.placeholder }),
    ...(options.when === undefined ? {} : { when: options.when }),
  }
}

function textual(kind: 'text' | 'code' | 'secret', options: TextOptions): Field<string> {
  return {
    ...base(options),
    kind,
    default: options.default,
    required: options.default === undefined,
    ...(options.blank === undefined ? {} : { blank: options.blank }),
    ...(options.filled === undefined ? {} : { filled: options.filled }),
    parse: (raw) => {
      if (typeof raw !== 'string' && typeof raw !== 'number') return fieldProblems.of('text')
      return options.check?.(String(raw)) ?? String(raw)
    },
  }
}

export const text = (options: TextOptions): Field<string> => textual('text', options)
/** Several lines, shown in a code editor. */
export const code = (options: TextOptions & { readonly language?: 'json' }): Field<string> => ({
  ...textual('code', options),
  ...(options.language === undefined ? {} : { language: options.language }),
})
/** Kept in Node-RED's encrypted credentials, never in the flow. `masked: false` for what may be read, as a user name. */
export const secret = (options: Common & { readonly masked?: boolean }): Field<string> => ({
  ...textual('secret', { ...options, default: '' }),
  masked: options.masked ?? true,
})

interface NumberOptions extends Common {
  readonly default?: number
  readonly min: number
  readonly max: number
}

function numeric(kind: 'integer' | 'duration' | 'bytes', options: NumberOptions): Field<number> {
  const range = { min: formatAmount(options.min, kind), max: formatAmount(options.max, kind) }
  return {
    ...base(options),
    kind,
    default: options.default,
    required: options.default === undefined,
    min: options.min,
    max: options.max,
    parse: (raw) => {
      const value = parseAmount(raw, kind)
      if (value === undefined || value < options.min || value > options.max) return fieldProblems.of(kind, range)
      return value
    },
  }
}

export const integer = (options: NumberOptions): Field<number> => numeric('integer', options)
/** May be left empty; the note says what that means. */
export const optionalInteger = (options: Omit<NumberOptions, 'default'>): Field<number | undefined> => ({
  ...numeric('integer', options),
  required: false,
})
/** Milliseconds; the form also takes `30 s`, `2 min`, `1 h`. */
export const duration = (options: NumberOptions): Field<number> => numeric('duration', options)
/** Bytes; the form also takes `512 KiB`, `10 MiB`. */
export const bytes = (options: NumberOptions): Field<number> => numeric('bytes', options)

export function choice<const V extends string>(
  options: Common & {
    readonly values: readonly V[]
    readonly default: V
    readonly valueLabels?: { readonly [value in V]?: string }
  },
): Field<V> {
  return {
    ...base(options),
    kind: 'choice',
    default: options.default,
    required: false,
    values: options.values,
    ...(options.valueLabels && { valueLabels: options.valueLabels as { readonly [value: string]: string } }),
    parse: (raw) =>
      options.values.includes(String(raw) as V)
        ? (String(raw) as V)
        : fieldProblems.of('choice', { values: options.values.join(', ') }),
  }
}

export function flag(options: Common & { readonly default: boolean }): Field<boolean> {
  return {
    ...base(options),
    kind: 'flag',
    default: options.default,
    required: false,
    parse: (raw) => {
      if (raw === true || raw === 'true') return true
      if (raw === false || raw === 'false') return false
      return fieldProblems.of('flag')
    },
  }
}

/** The id of a config node of the given type. */
export function node(options: Common & { readonly nodeType: string; readonly optional?: boolean }): Field<string> {
  const optional = options.optional ?? false
  return {
    ...base(options),
    kind: 'node',
    nodeType: options.nodeType,
    default: optional ? '' : undefined,
    required: !optional,
    parse: (raw) => (typeof raw === 'string' ? raw : fieldProblems.of('node')),
  }
}

/**
 * Rows of fields. A problem names the row (from 1) and the column. `mayBeEmpty`: whether a required one may have no rows
 * is for the declaration's `check` to say.
 */
export function table<F extends Fields>(
  options: Common & { readonly columns: F; readonly required?: boolean; readonly mayBeEmpty?: boolean },
): Field<readonly ConfigOf<F>[]> {
  const { required = false, mayBeEmpty = !required } = options
  return {
    ...base(options),
    kind: 'table',
    default: required ? undefined : [],
    required,
    columns: options.columns,
    parse: (raw) => {
      if (!Array.isArray(raw)) return fieldProblems.of('table')
      if (!mayBeEmpty && raw.length === 0) return fieldProblems.of('rows')
      const rows = raw.map((row) => parseFields(options.columns, Object(row)))
      const wrong = rows.flatMap((row, i) =>
        row.problems.map(({ field, problem }) => `row ${i + 1}: ${options.columns[field]!.label} ${problem.text}`),
      )
      if (wrong.length > 0) return runtimeProblems.of('cells', { cells: wrong.join('; ') })
      return rows.map((row) => row.config as ConfigOf<F>)
    },
  }
}

/** The first of the names that has stood there before. */
export const repeatedIn = (names: readonly string[]): string | undefined =>
  names.find((name, i) => names.indexOf(name) < i)

/** Whether the rows of the table `field` name a column twice. */
export function columnTwice(field: string, names: readonly string[]): readonly FieldProblem[] {
  const column = repeatedIn(names)
  return column === undefined ? [] : [{ field, problem: fieldProblems.of('columnTwice', { column }) }]
}

export interface FieldProblem {
  readonly field: string
  readonly problem: Problem
}

export type Parsed<F extends Fields> =
  | { readonly config: ConfigOf<F>; readonly problems: readonly [] }
  | { readonly config?: undefined; readonly problems: readonly FieldProblem[] }

/** Reads every field and reports all problems at once. Names that are not declared are left alone. */
export function parseFields<F extends Fields>(fields: F, raw: { readonly [name: string]: unknown }): Parsed<F> {
  const config: { [name: string]: unknown } = {}
  const problems: FieldProblem[] = []
  for (const [name, field] of Object.entries(fields)) {
    const value = parseField(field, raw[name])
    if (value instanceof Problem) problems.push({ field: name, problem: value })
    else config[name] = value
  }
  return problems.length > 0 ? { problems } : { config: config as ConfigOf<F>, problems: [] }
}

/** One value: absent means the default, absent and required is a problem. */
export function parseField<T>(field: Field<T>, raw: unknown): T | Problem {
  if (raw !== undefined && raw !== null && (raw !== '' || field.blank)) return field.parse(raw)
  return field.required ? fieldProblems.of('required') : (field.default as T)
}
