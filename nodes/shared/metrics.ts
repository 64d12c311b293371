import type { Registry } from 'prom-client'
import { durationBuckets, type Tally } from '../../src/core/tally.ts'
import { problemsOf } from './health.ts'
import type { RowlineSnapshot } from './snapshot.ts'

/** What tells the numbers of one node from those of another: names that the user has given, and nothing of a payload. */
export interface NodeLabels {
  /** The name of its tab. */
  readonly pipeline: string
  readonly node: string
  readonly type: string
}

export interface Measured {
  readonly snapshot: RowlineSnapshot
  readonly tallies: Iterable<{ readonly labels: NodeLabels; readonly tally: Tally }>
  readonly labelsOf: (id: string) => NodeLabels | undefined
  readonly maxUnconfirmedAgeMs: number
}

type Labels = { readonly [name: string]: string | number }
interface Sample {
  readonly labels: Labels
  readonly value: number
  readonly metricName?: string
}
interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: readonly Sample[]
}

/** All numbers in the text format of Prometheus, and the content type to send it with. */
export async function exposition(measured: Measured): Promise<{ readonly text: string; readonly contentType: string }> {
  const { Registry } = await import('prom-client')
  const registry: Registry = new Registry()
  for (const metric of [...ofRecords(measured), ...ofNodes(measured), ...ofAll(measured)])
    registry.registerMetric({ name: metric.name, get: async () => ({ ...metric, aggregator: 'sum' }) } as never)
  return { text: await registry.metrics(), contentType: registry.contentType }
}

function ofRecords({ tallies }: Measured): Metric[] {
  const received: Sample[] = []
  const confirmed: Sample[] = []
  const rejected: Sample[] = []
  const durations: Sample[] = []
  for (const { labels: own, tally } of tallies)
    for (const [route, counted] of tally.routes) {
      const labels = { ...own, route }
      if (counted.received > 0) received.push({ labels, value: counted.received })
      for (const [reason, value] of counted.rejected) rejected.push({ labels: { ...labels, reason }, value })
      if (counted.confirmed === 0) continue
      confirmed.push({ labels, value: counted.confirmed })
      durations.push(...histogram(labels, counted))
    }
  const duration = 'Seconds from the receipt of a record to the confirmation of the target.'
  return [
    counter('rowline_records_received_total', 'Records that a source has taken from its broker.', received),
    counter('rowline_records_confirmed_total', 'Records that the target of a sink has confirmed.', confirmed),
    counter('rowline_records_rejected_total', 'Records that went to output 2 or the dead letters.', rejected),
    { name: durationName, help: duration, type: 'histogram', values: durations },
  ]
}

const durationName = 'rowline_record_duration_seconds'

function histogram(labels: Labels, { durations, confirmed, durationSeconds }: Counted): Sample[] {
  let within = 0
  const metricName = `${durationName}_bucket`
  const buckets = durationBuckets.map((le, i) => {
    within += durations[i]!
    return { labels: { ...labels, le }, value: within, metricName }
  })
  return [
    ...buckets,
    { labels: { ...labels, le: '+Inf' }, value: confirmed, metricName },
    { labels, value: durationSeconds, metricName: `${durationName}_sum` },
    { labels, value: confirmed, metricName: `${durationName}_count` },
  ]
}
type Counted = Tally['routes'] extends ReadonlyMap<string, infer R> ? R : never

function ofNodes({ snapshot, labelsOf }: Measured): Metric[] {
  const found = new Map<string, Metric & { readonly values: Sample[] }>()
  const add = (type: 'counter' | 'gauge', name: string, help: string, id: string, value: number | undefined) => {
    const labels = labelsOf(id)
    if (value === undefined || !labels) return
    if (!found.has(name)) found.set(name, { name, help, type, values: [] })
    found.get(name)!.values.push({ labels: { ...labels }, value })
  }
  const now = Date.now()
  for (const node of snapshot.nodes) {
    const { id } = node
    if (node.kind === 'source') {
      const { connection } = node
      const isConnected = connection?.phase === 'connected' ? 1 : 0
      add('gauge', 'rowline_source_connected', '1 while the broker is connected.', id, isConnected)
      const open = connection?.unacknowledged
      add('gauge', 'rowline_source_unacknowledged', 'Records in the flow that are not acknowledged yet.', id, open)
      const limited = connection?.windowLimited ? 1 : 0
      add('gauge', 'rowline_source_window_limited', '1 while the flow takes no more.', id, limited)
      continue
    }
    if (node.kind !== 'sink') continue
    const { delivery, oldestUnconfirmedAt: oldest } = node
    const { outbox } = delivery
    const age = oldest === undefined ? 0 : Math.max(0, now - oldest) / 1000
    add('gauge', 'rowline_oldest_unconfirmed_seconds', 'Age of the oldest record without confirmation.', id, age)
    add('gauge', 'rowline_sink_pending', 'Records without confirmation.', id, delivery.pendingRecords)
    add('counter', 'rowline_retries_total', 'Failed attempts to open the target or to write.', id, delivery.retries)
    add('gauge', 'rowline_sink_failing', '1 while writes fail.', id, delivery.error ? 1 : 0)
    add('gauge', 'rowline_outbox_entries', 'Records in the outbox.', id, outbox?.entries)
    add('gauge', 'rowline_outbox_bytes', 'Bytes of the outbox on disk.', id, outbox?.bytes)
    add('counter', 'rowline_outbox_dropped_total', 'Records deleted from a full outbox.', id, outbox?.dropped)
    const syncSeconds = outbox?.syncMsP99 === undefined ? undefined : outbox.syncMsP99 / 1000
    add('gauge', 'rowline_outbox_sync_seconds', '99th percentile of the latest fdatasyncs.', id, syncSeconds)
    for (const [what, total] of Object.entries(delivery.counters))
      add('counter', `rowline_${what.replaceAll(' ', '_')}_total`, `Of a sink: ${what}.`, id, total)
  }
  return [...found.values()]
}

function ofAll({ snapshot, maxUnconfirmedAgeMs }: Measured): Metric[] {
  const isHealthy = problemsOf(snapshot, maxUnconfirmedAgeMs, Date.now()).length === 0
  const one = (value: number) => [{ labels: {}, value }]
  const { memory, lateCompletions, lateSenders } = snapshot
  return [
    gauge('rowline_health', '0 while a record waits too long or writes fail.', one(isHealthy ? 1 : 0)),
    gauge('rowline_memory_held_bytes', 'Of records on their way.', one(memory.heldBytes)),
    gauge('rowline_memory_limit_bytes', 'What they may have.', one(memory.maxBytes)),
    counter('rowline_late_completions_total', 'Messages finished after they were given up.', one(lateCompletions)),
    gauge('rowline_late_senders', 'Nodes that send after they have said that they are done.', one(lateSenders.length)),
  ]
}

const counter = (name: string, help: string, values: Sample[]): Metric => ({ name, help, type: 'counter', values })
const gauge = (name: string, help: string, values: Sample[]): Metric => ({ name, help, type: 'gauge', values })
