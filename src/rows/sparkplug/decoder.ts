import type { Record, Value } from '../../core/record.ts'
import { decodeJson } from '../decode-json.ts'
import { type BirthStore, noStore } from './birth.ts'
import { Births, type Heard } from './births.ts'
import { Envelope } from './payload.ts'
import { Sequences } from './sequences.ts'
import { readTopic, type SparkplugTopic } from './topic.ts'

/** Something about an edge node that its next BIRTH would put right. */
export interface Trouble {
  readonly edgeNode: string
  /** Where it takes commands. */
  readonly commandTopic: string
  /** One sentence for the log. */
  readonly text: string
}

export interface SparkplugPorts {
  /** Left out: births are forgotten with the decoder. */
  readonly store?: BirthStore
  /** Told at most once a minute about each edge node, and once a second in all. */
  readonly onTrouble?: (trouble: Trouble) => void
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

const troubleEveryMs = 60_000
const anyTroubleEveryMs = 1000
const mostTroubled = 10_000

/** Makes rows of Sparkplug B messages, in the order in which they are given to it. */
export class SparkplugDecoder {
  /** Messages before which others are missing. */
  gaps = 0
  /** Metrics whose alias no BIRTH names. */
  unnamed = 0
  readonly #births: Births | undefined
  readonly #sequences = new Sequences()
  readonly #onTrouble: (trouble: Trouble) => void
  readonly #now: () => number
  readonly #troubledAt = new Map<string, number>()
  #lastTroubleAt = Number.NEGATIVE_INFINITY

  constructor(resolveAliases: boolean, { store, onTrouble, now }: SparkplugPorts = {}) {
    this.#births = resolveAliases ? new Births(store ?? noStore) : undefined
    this.#onTrouble = onTrouble ?? (() => {})
    this.#now = now ?? (() => performance.now())
  }

  /** Throws SPARKPLUG_INVALID, or JSON_INVALID for the state of a host. Then nothing has changed. */
  decode(bytes: Uint8Array, record: Pick<Record, 'topic' | 'dup' | 'retain'>): Value {
    const topic = readTopic(record.topic)
    if (topic === 'state') return decodeJson(bytes)
    const envelope = new Envelope(bytes)
    if (topic === undefined) return envelope.row(envelope.metrics().metrics)
    const { timestamp, seq } = envelope
    const heard: Heard = { topic, timestamp, mayBeOld: record.dup || record.retain || topic.isCertificate }
    const definitions = topic.kind === 'birth' ? undefined : this.#births?.definitions(heard)
    const { metrics, unnamed } = envelope.metrics(definitions)
    const missing = this.#sequences.note(topic, seq, heard.mayBeOld, metrics)
    if (topic.kind === 'birth' || topic.kind === 'death') this.#births?.hear(heard, metrics)
    if (missing > 0) this.gaps++
    this.unnamed += unnamed
    if (!heard.mayBeOld && (missing > 0 || (unnamed > 0 && topic.kind === 'data')))
      this.#complain(topic, missing, unnamed)
    return envelope.row(metrics)
  }

  #complain({ edgeNode, commandTopic, device }: SparkplugTopic, missing: number, unnamed: number): void {
    const now = this.#now()
    const before = this.#troubledAt.get(edgeNode) ?? Number.NEGATIVE_INFINITY
    if (now - this.#lastTroubleAt < anyTroubleEveryMs || now - before < troubleEveryMs) return
    if (this.#troubledAt.size >= mostTroubled) this.#troubledAt.clear()
    this.#troubledAt.set(edgeNode, now)
    this.#lastTroubleAt = now
    const whose = device === undefined ? edgeNode : `${edgeNode}/${device}`
    const text =
      missing > 0
        ? `Sparkplug: ${missing} messages of ${edgeNode} are missing`
        : `Sparkplug: ${unnamed} metrics of ${whose} have no name: no BIRTH that was seen gives their alias one`
    this.#onTrouble({ edgeNode, commandTopic, text })
  }
}
