import type { Row, Value } from '../../core/record.ts'

/** A metric as its BIRTH names it. */
export interface KnownMetric {
  readonly name: string
  readonly alias: number | bigint | undefined
  readonly datatype: number | undefined
}

/** The BIRTH of an edge node or of a device. */
export interface Birth {
  readonly timestamp: number | bigint | undefined
  /**
   * Its death came: the time of the last message before, 0 where that had none. Only what was sent until then, and comes
   * again, may still use it.
   */
  readonly endedAt: number | bigint | undefined
  readonly metrics: readonly KnownMetric[]
}

export interface Session {
  readonly bdSeq: number | bigint | undefined
  readonly node: Birth | undefined
  readonly devices: ReadonlyMap<string, Birth>
}

export const noSession: Session = { bdSeq: undefined, node: undefined, devices: new Map() }

/** Of one edge node. The session before is kept for messages that the broker sends again. */
export interface EdgeBirths {
  readonly edgeNode: string
  readonly current: Session
  readonly previous: Session | undefined
}

/** Where births survive a restart. A message whose BIRTH was saved must not leave before the store has it. */
export interface BirthStore {
  load(): Iterable<EdgeBirths>
  /** Takes note, in the order of the calls for each edge node. Never fails. */
  save(births: EdgeBirths): void
  forget(edgeNode: string): void
}

export const noStore: BirthStore = { load: () => [], save: () => {}, forget: () => {} }

/** Bytes in memory, roughly. */
export function sizeOf({ edgeNode, current, previous }: EdgeBirths): number {
  let bytes = 200 + edgeNode.length
  for (const session of previous ? [current, previous] : [current]) {
    for (const [name, { metrics }] of [['', session.node ?? noBirth] as const, ...session.devices]) {
      bytes += 100 + name.length
      for (const metric of metrics) bytes += 100 + metric.name.length
    }
  }
  return bytes
}

const noBirth: Birth = { timestamp: undefined, endedAt: undefined, metrics: [] }

/** As JSON for a store. */
export const birthsToValue = ({ edgeNode, current, previous }: EdgeBirths): Row => ({
  edgeNode,
  current: sessionToValue(current),
  previous: previous === undefined ? null : sessionToValue(previous),
})

const sessionToValue = ({ bdSeq, node, devices }: Session): Row => ({
  bdSeq: bdSeq ?? null,
  node: node === undefined ? null : birthToValue(node),
  devices: [...devices].map(([name, device]) => [name, birthToValue(device)]),
})

const birthToValue = ({ timestamp, endedAt, metrics }: Birth): Row => ({
  timestamp: timestamp ?? null,
  endedAt: endedAt ?? null,
  metrics: metrics.map(({ name, alias, datatype }) => [name, alias ?? null, datatype ?? null]),
})

/** Throws TypeError for what `birthsToValue` has not made. */
export function birthsFromValue(value: Value): EdgeBirths {
  const { edgeNode, current, previous } = row(value)
  return {
    edgeNode: text(edgeNode),
    current: sessionFromValue(current!),
    previous: previous === null ? undefined : sessionFromValue(previous!),
  }
}

function sessionFromValue(value: Value): Session {
  const { bdSeq, node, devices } = row(value)
  const named = list(devices).map((entry) => {
    const [name, device] = list(entry)
    return [text(name), birthFromValue(device!)] as const
  })
  return { bdSeq: whole(bdSeq), node: node === null ? undefined : birthFromValue(node!), devices: new Map(named) }
}

function birthFromValue(value: Value): Birth {
  const { timestamp, endedAt, metrics } = row(value)
  const known = list(metrics).map((entry): KnownMetric => {
    const [name, alias, datatype] = list(entry)
    return { name: text(name), alias: whole(alias), datatype: Number(whole(datatype) ?? Number.NaN) || undefined }
  })
  return { timestamp: whole(timestamp), endedAt: whole(endedAt), metrics: known }
}

function row(value: Value | undefined): Row {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Row
  throw new TypeError('expected an object')
}

function list(value: Value | undefined): readonly Value[] {
  if (Array.isArray(value)) return value
  throw new TypeError('expected a list')
}

function text(value: Value | undefined): string {
  if (typeof value === 'string') return value
  throw new TypeError('expected a text')
}

function whole(value: Value | undefined): number | bigint | undefined {
  if (value === null) return undefined
  if (typeof value === 'number' || typeof value === 'bigint') return value
  throw new TypeError('expected a number')
}
