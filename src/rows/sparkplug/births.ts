import type { Row } from '../../core/record.ts'
import {
  type Birth,
  type BirthStore,
  type EdgeBirths,
  type KnownMetric,
  noSession,
  type Session,
  sizeOf,
} from './birth.ts'
import type { Definition, Definitions } from './payload.ts'
import type { SparkplugTopic } from './topic.ts'

type Whole = number | bigint

/** A message of an edge node as far as births and deaths go. */
export interface Heard {
  readonly topic: SparkplugTopic
  readonly timestamp: Whole | undefined
  /** A repeat, a retained message or a certificate of the broker: what came after it may be known already. */
  readonly mayBeOld: boolean
}

export interface BirthLimits {
  readonly edgeNodes: number
  /** Of all names that are known. */
  readonly bytes: number
}

interface Edge {
  births: EdgeBirths
  bytes: number
  usedAt: number
  /** The latest time of a message, since this process began to hear them. */
  heardAt: Whole | undefined
}

/** Of one edge node: each BIRTH copies their list. What is more has no names. */
const mostDevices = 5000

/** Some 500,000 metrics. */
export const birthLimits: BirthLimits = { edgeNodes: 10_000, bytes: 64 << 20 }

/**
 * What the last BIRTHs of all edge nodes and their devices say. An alias counts for the message whose BIRTH gave it and for
 * no other: none is taken from a BIRTH that a death has ended, or one that is younger than a message that comes again. What
 * is over the limits, the longest unused first, is forgotten.
 */
export class Births {
  readonly #store: BirthStore
  readonly #limits: BirthLimits
  readonly #edges = new Map<string, Edge>()
  #bytes = 0
  #clock = 0

  constructor(store: BirthStore, limits = birthLimits) {
    this.#store = store
    this.#limits = limits
    for (const births of store.load()) this.#keep(births)
  }

  definitions({ topic, timestamp, mayBeOld }: Heard): Definitions {
    const edge = this.#edges.get(topic.edgeNode)
    if (edge === undefined) return nothing
    edge.usedAt = ++this.#clock
    edge.heardAt = later(edge.heardAt, timestamp)
    const { current, previous } = edge.births
    const now = birthIn(current, topic)
    if (!mayBeOld) return now === undefined || now.endedAt !== undefined ? nothing : indexOf(now)
    const then = previous && birthIn(previous, topic)
    const birth = [now, then].find((each) => each !== undefined && isFrom(each, timestamp))
    return birth === undefined ? nothing : indexOf(birth)
  }

  /** Takes a BIRTH or a death into account. */
  hear(heard: Heard, metrics: readonly Row[]): void {
    const { kind, edgeNode } = heard.topic
    const edge = this.#edges.get(edgeNode)
    const births = edge?.births ?? { edgeNode, current: noSession, previous: undefined }
    const told = changed(births, heard, metrics, edge?.heardAt ?? 0)
    if (told === births) return
    // One that has more names than its share would push out those of all others.
    const isOverShare = sizeOf(told) > this.#limits.bytes / 2
    const next = isOverShare ? { ...told, current: noSession, previous: undefined } : told
    this.#keep(next)
    this.#store.save(next)
    if (kind === 'birth') this.#shrink()
  }

  #keep(births: EdgeBirths): void {
    const bytes = sizeOf(births)
    const before = this.#edges.get(births.edgeNode)
    this.#bytes += bytes - (before?.bytes ?? 0)
    const heardAt = later(before?.heardAt, latestOf(births))
    this.#edges.set(births.edgeNode, { births, bytes, usedAt: ++this.#clock, heardAt })
  }

  /** To nine tenths, so that looking for the longest unused ones is rare. */
  #shrink(): void {
    const { edgeNodes, bytes } = this.#limits
    if (this.#edges.size <= edgeNodes && this.#bytes <= bytes) return
    const oldest = [...this.#edges.values()].sort((a, b) => a.usedAt - b.usedAt)
    for (const { births, bytes: freed } of oldest) {
      if (this.#edges.size <= edgeNodes * 0.9 && this.#bytes <= bytes * 0.9) return
      this.#edges.delete(births.edgeNode)
      this.#bytes -= freed
      this.#store.forget(births.edgeNode)
    }
  }
}

/** The same object where nothing is new. */
function changed(births: EdgeBirths, heard: Heard, metrics: readonly Row[], heardAt: Whole): EdgeBirths {
  switch (heard.topic.type) {
    case 'NBIRTH':
      return nodeBirth(births, heard, metrics)
    case 'DBIRTH':
      return deviceBirth(births, heard, metrics)
    case 'NDEATH':
      return nodeDeath(births, metrics, heardAt)
    case 'DDEATH':
      return deviceDeath(births, heard, heardAt)
    default:
      return births
  }
}

/** Begins a session: what the devices said before counts no longer. */
function nodeBirth(births: EdgeBirths, { timestamp, mayBeOld }: Heard, metrics: readonly Row[]): EdgeBirths {
  const node = birthOf(timestamp, metrics)
  const { current, previous } = births
  if (current.node && isKnown(current.node, node, mayBeOld) && (mayBeOld || bdSeqOf(metrics) === current.bdSeq))
    return births
  // Certificates come in any order: that of a device before that of its edge node.
  const kept = mayBeOld ? [...current.devices].filter(([, device]) => isNewer(device, node)) : []
  const isFirst = current.node === undefined && current.devices.size === kept.length
  const session: Session = { bdSeq: bdSeqOf(metrics), node, devices: new Map(kept) }
  return { ...births, current: session, previous: isFirst ? previous : current }
}

function deviceBirth(births: EdgeBirths, { topic, timestamp, mayBeOld }: Heard, metrics: readonly Row[]): EdgeBirths {
  const device = birthOf(timestamp, metrics)
  const { current } = births
  const known = current.devices.get(topic.device!)
  if (known && isKnown(known, device, mayBeOld)) return births
  if (mayBeOld && current.node && !isNewer(device, current.node)) return births
  if (known === undefined && current.devices.size >= mostDevices) return births
  return withDevice(births, topic.device!, device)
}

/**
 * The will of a session that is over may come after the BIRTH of the next: its number tells, as long as the last BIRTH that
 * was seen is that of the session that lives.
 */
function nodeDeath(births: EdgeBirths, metrics: readonly Row[], heardAt: Whole): EdgeBirths {
  const { current } = births
  const bdSeq = bdSeqOf(metrics)
  const isOther = bdSeq !== undefined && current.bdSeq !== undefined && bdSeq !== current.bdSeq
  if (isOther && current.node && isAlive(current.node)) return births
  const all = [...current.devices.values(), ...(current.node ? [current.node] : [])]
  if (!all.some(isAlive)) return births
  const devices = new Map([...current.devices].map(([name, device]) => [name, ended(device, heardAt)]))
  return { ...births, current: { ...current, node: current.node && ended(current.node, heardAt), devices } }
}

function deviceDeath(births: EdgeBirths, { topic, timestamp, mayBeOld }: Heard, heardAt: Whole): EdgeBirths {
  const device = births.current.devices.get(topic.device!)
  if (device === undefined || !isAlive(device) || (mayBeOld && !isFrom(device, timestamp))) return births
  return withDevice(births, topic.device!, ended(device, heardAt))
}

const withDevice = (births: EdgeBirths, name: string, device: Birth): EdgeBirths => ({
  ...births,
  current: { ...births.current, devices: new Map(births.current.devices).set(name, device) },
})

const isAlive = ({ endedAt }: Birth): boolean => endedAt === undefined

const ended = (birth: Birth, endedAt: Whole): Birth => (isAlive(birth) ? { ...birth, endedAt } : birth)

const later = (one: Whole | undefined, other: Whole | undefined): Whole | undefined =>
  one === undefined || (other !== undefined && other > one) ? other : one

function latestOf({ current: { node, devices } }: EdgeBirths): Whole | undefined {
  return [...devices.values()].reduce((latest, { timestamp }) => later(latest, timestamp), node?.timestamp)
}

const birthIn = ({ node, devices }: Session, { device }: SparkplugTopic): Birth | undefined =>
  device === undefined ? node : devices.get(device)

/** Whether a message of this time can belong to the birth. */
const isFrom = ({ timestamp, endedAt }: Birth, of: Whole | undefined): boolean =>
  timestamp !== undefined && of !== undefined && timestamp <= of && (endedAt === undefined || of <= endedAt)

const isNewer = (one: Birth, other: Birth): boolean =>
  one.timestamp !== undefined && other.timestamp !== undefined && one.timestamp > other.timestamp

/** Nothing new. A live one after a death is, though the device may have no clock and say the same again. */
const isKnown = (known: Birth, birth: Birth, mayBeOld: boolean): boolean =>
  mayBeOld ? isSame(known, birth) || !isNewer(birth, known) : isAlive(known) && isSame(known, birth)

/** One that came twice, by whatever way. Without a time it cannot be told from a new one. */
const isSame = (one: Birth, other: Birth): boolean =>
  one.timestamp !== undefined &&
  one.timestamp === other.timestamp &&
  one.metrics.length === other.metrics.length &&
  one.metrics.every((metric, i) => {
    const { name, alias, datatype } = other.metrics[i]!
    return metric.name === name && metric.alias === alias && metric.datatype === datatype
  })

function birthOf(timestamp: Whole | undefined, metrics: readonly Row[]): Birth {
  const known = metrics.flatMap(({ name, alias, datatype }): KnownMetric | [] =>
    typeof name === 'string'
      ? { name, alias: alias as Whole | undefined, datatype: datatype as number | undefined }
      : [],
  )
  return { timestamp, endedAt: undefined, metrics: known }
}

/** What ties a death to its BIRTH. */
export function bdSeqOf(metrics: readonly Row[]): Whole | undefined {
  const value = metrics.find(({ name }) => name === 'bdSeq')?.value
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined
}

const nothing: Definitions = { byAlias: new Map(), byName: new Map() }

const indexes = new WeakMap<Birth, Definitions>()

function indexOf(birth: Birth): Definitions {
  const known = indexes.get(birth)
  if (known) return known
  const index = createIndex(birth.metrics)
  indexes.set(birth, index)
  return index
}

/** An alias that two metrics have names none of them. */
function createIndex(metrics: readonly KnownMetric[]): Definitions {
  const byAlias = new Map<Whole, Definition | undefined>()
  const byName = new Map<string, Definition>()
  for (const metric of metrics) {
    byName.set(metric.name, metric)
    const { alias } = metric
    if (alias === undefined) continue
    const other = byAlias.get(alias)
    byAlias.set(alias, byAlias.has(alias) && other?.name !== metric.name ? undefined : metric)
  }
  return { byAlias, byName }
}
