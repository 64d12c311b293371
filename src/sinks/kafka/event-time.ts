import { NumberText } from '../../core/number-text.ts'
import type { Record, Row } from '../../core/record.ts'
import { readTimestamp } from '../../core/timestamp.ts'
import type { KafkaRequest } from './request.ts'

/** What a row says of its own time. It counts when its topic is known, and how long that keeps records. */
export interface ClaimedTime {
  /** Undefined where the text is no time. */
  readonly ms: number | undefined
  /** As the row has it; empty where it has none. */
  readonly text: string
}

export const timestampHeader = 'rowline.timestamp'

const longestText = 100

/** Undefined for a payload that is no row. The attribute is a column, or a path of columns with dots between them. */
export function createTimeReader(attribute: string): (record: Record) => ClaimedTime | undefined {
  if (attribute === '') return () => undefined
  const path = attribute.split('.')
  return ({ payload }) => {
    if (!isRow(payload)) return undefined
    const found = Object.hasOwn(payload, attribute) ? payload[attribute] : valueAt(payload, path)
    const value = found instanceof NumberText ? Number(found.text) : found
    if (value === null || typeof value === 'object' || value === undefined) return { ms: undefined, text: '' }
    return { ms: readTimestamp(value), text: String(value).slice(0, longestText) }
  }
}

function valueAt(row: Row, path: readonly string[]): unknown {
  let value: unknown = row
  for (const name of path) {
    if (!isRow(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

export type TopicSettings = ReadonlyMap<string, string>

interface Limits {
  readonly pastMs: number
  readonly futureMs: number
}

const hourMs = 3_600_000
/** Of a topic whose settings may not be read: Kafka's own default. */
const usual: Limits = { pastMs: 7 * 24 * hourMs, futureMs: hourMs }

/** Gives records the time that their rows claim, where Kafka would neither refuse it nor delete the record for it. */
export class EventTimes {
  readonly #settingsOf: (topic: string) => Promise<TopicSettings | undefined>
  readonly #limits = new Map<string, Limits>()
  #replaced = 0

  /** `settingsOf` gives undefined where they may not be read. */
  constructor(settingsOf: (topic: string) => Promise<TopicSettings | undefined>) {
    this.#settingsOf = settingsOf
  }

  /** How many records keep the time of their receipt although they had to have another. */
  get replaced(): number {
    return this.#replaced
  }

  /** The settings of topics may have changed. */
  forget(): void {
    this.#limits.clear()
  }

  async apply(requests: readonly KafkaRequest[]): Promise<void> {
    for (const request of requests) {
      const { claimed, topic } = request
      if (!claimed) continue
      const limits = this.#limits.get(topic) ?? (await this.#read(topic))
      request.claimed = undefined
      if (isWithin(claimed.ms, limits)) request.timestamp = claimed.ms
      else this.#keepReceipt(request, claimed)
    }
  }

  #keepReceipt(request: KafkaRequest, { text }: ClaimedTime): void {
    this.#replaced++
    if (text !== '') request.headers = { ...request.headers, [timestampHeader]: text }
  }

  async #read(topic: string): Promise<Limits> {
    const settings = await this.#settingsOf(topic)
    const limits = settings ? limitsOf(settings) : usual
    this.#limits.set(topic, limits)
    return limits
  }
}

function isWithin(ms: number | undefined, { pastMs, futureMs }: Limits): ms is number {
  const now = Date.now()
  return ms !== undefined && ms >= now - pastMs && ms <= now + futureMs
}

function limitsOf(settings: TopicSettings): Limits {
  const number = (name: string) => {
    const value = Number(settings.get(name) ?? -1)
    return value >= 0 ? value : Infinity
  }
  const isDeleted = settings.get('cleanup.policy')?.includes('delete') ?? true
  return {
    pastMs: Math.min(isDeleted ? number('retention.ms') : Infinity, number('message.timestamp.before.max.ms')),
    futureMs: Math.min(hourMs, number('message.timestamp.after.max.ms')),
  }
}
