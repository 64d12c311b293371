import { PipelineError } from '../core/errors.ts'
import { NumberText } from '../core/number-text.ts'
import type { Payload, Record, Row } from '../core/record.ts'
import type { Metric, Sample } from './exposition.ts'
import { type GaugeConfig, labelNames, metricOf } from './gauge-config.ts'

/** A label is a name for something, and no place for texts. */
const longestLabel = 200

type Labels = { readonly [name: string]: string }

interface Series {
  readonly labels: Labels
  readonly value: number
  /** Monotonic. */
  readonly atMs: number
}

interface Column {
  readonly path: readonly string[]
  readonly label: string
}

/** The last number of each combination of labels, and no more of these than the form allows. */
export class Gauge {
  readonly metric: string
  readonly help: string
  readonly #path: readonly string[]
  /** By name: two gauges with the same labels have the same keys. */
  readonly #columns: readonly Column[]
  readonly #maxSeries: number
  readonly #expiryMs: number
  readonly #now: () => number
  /** The one that has waited longest for a reading first. */
  readonly #series = new Map<string, Series>()
  #shown = 0
  #unshown = 0

  /** `now` is monotonic milliseconds. */
  constructor(config: GaugeConfig, now = () => performance.now()) {
    const names = labelNames(config)
    this.metric = metricOf(config)
    this.help = `Last value of the column ${config.valueColumn}.`
    this.#path = config.valueColumn.split('.')
    this.#columns = config.labels
      .map(({ column }, i) => ({ path: column.split('.'), label: names[i]! }))
      .sort((a, b) => (a.label < b.label ? -1 : 1))
    this.#maxSeries = config.maxSeries
    this.#expiryMs = config.expiryMs
    this.#now = now
  }

  /** Records that are shown or have been, and those for which there was no room. */
  get counts(): { readonly shown: number; readonly unshown: number } {
    return { shown: this.#shown, unshown: this.#unshown }
  }

  /**
   * Says whether there was room for it. Null takes its series away: a sensor without a value must not keep an old one.
   * Throws a PipelineError with disposition `reject` for a record that has no number there, or a label that is none.
   */
  show({ payload }: Record): boolean {
    if (!isRow(payload))
      throw new PipelineError('PAYLOAD_UNSUPPORTED', {
        problem: 'only rows can be shown; put a row decoder before this node',
      })
    const value = numberAt(payload, this.#path)
    const labels = Object.fromEntries(this.#columns.flatMap((column) => labelAt(payload, column)))
    const key = JSON.stringify(labels)
    const isKnown = this.#series.delete(key)
    if (value !== null && !isKnown && !this.#hasRoom()) {
      this.#unshown++
      return false
    }
    if (value !== null) this.#series.set(key, { labels, value, atMs: this.#now() })
    this.#shown++
    return true
  }

  /** By a key that is the same for the same labels. */
  series(): ReadonlyMap<string, Series> {
    this.#expire()
    return this.#series
  }

  #hasRoom(): boolean {
    if (this.#series.size >= this.#maxSeries) this.#expire()
    return this.#series.size < this.#maxSeries
  }

  #expire(): void {
    if (this.#expiryMs === 0) return
    const before = this.#now() - this.#expiryMs
    for (const [key, { atMs }] of this.#series) {
      if (atMs > before) return
      this.#series.delete(key)
    }
  }
}

/** What several gauges show, each metric once; of the same series the newest value. */
export function rowsOf(gauges: Iterable<Gauge>): Metric[] {
  const found = new Map<string, { readonly help: string; readonly series: Map<string, Series> }>()
  for (const gauge of gauges) {
    const { metric, help } = gauge
    const { series } = found.get(metric) ?? { series: new Map<string, Series>() }
    if (!found.has(metric)) found.set(metric, { help, series })
    for (const [key, one] of gauge.series())
      if (one.atMs >= (series.get(key)?.atMs ?? Number.NEGATIVE_INFINITY)) series.set(key, one)
  }
  return [...found].map(([name, { help, series }]) => {
    const values = [...series.values()].map(({ labels, value }): Sample => ({ labels, value }))
    return { name, help, type: 'gauge', values }
  })
}

const isRow = (value: Payload | undefined): value is Row =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array || value instanceof NumberText)

/** A sub-row that is null has null for all its columns. */
function valueAt(row: Row, path: readonly string[]): Payload | undefined {
  let value: Payload | undefined = row
  for (const name of path) {
    if (value === null) return null
    value = isRow(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value
}

function numberAt(row: Row, path: readonly string[]): number | null {
  const value = valueAt(row, path)
  if (value === null) return null
  const number =
    typeof value === 'number' || typeof value === 'bigint' || value instanceof NumberText ? Number(value) : Number.NaN
  if (Number.isFinite(number)) return number
  throw unfit(path, 'a number', value)
}

function labelAt(row: Row, { path, label }: Column): readonly (readonly [string, string])[] {
  const value = valueAt(row, path)
  if (value === null || value === undefined || value === '') return []
  if (typeof value === 'object' && !(value instanceof NumberText)) throw unfit(path, 'text or a number', value)
  const text = String(value)
  if (text.length > longestLabel) throw unfit(path, `at most ${longestLabel} characters`, value)
  return [[label, text]]
}

/** Says nothing of the value itself. */
function unfit(path: readonly string[], expected: string, value: Payload | undefined): PipelineError {
  const pointer = `/${path.join('/')}`
  if (value === undefined) return new PipelineError('ROW_MISSING', { pointer, state: 'missing' })
  return new PipelineError('ROW_TYPE', { pointer, expected, found: wordFor(value) })
}

function wordFor(value: Payload): string {
  if (typeof value === 'string') return `${value.length} characters of text`
  if (value instanceof Uint8Array) return 'bytes'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a row' : String(value)
}
