import { durationBuckets, type Tally } from '../../src/core/tally.ts'
import type { Labels, Metric, Sample } from '../../src/metrics/exposition.ts'
import type { DeliverySnapshot } from './delivery-mode.ts'
import { problemsOf } from './health.ts'
import type { DecoderSnapshot, RowlineSnapshot, SinkSnapshot, SourceSnapshot } from './snapshot.ts'

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

export const metricsOf = (measured: Measured): Metric[] => [
  ...ofRecords(measured),
  ...ofNodes(measured),
  ...ofAll(measured),
]

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

type Numbers = readonly (readonly [Metric['type'], name: string, help: string, value: number | undefined])[]

function ofNodes({ snapshot, labelsOf }: Measured): Metric[] {
  const found = new Map<string, Metric & { readonly values: Sample[] }>()
  for (const node of snapshot.nodes)
    for (const [type, name, help, value] of numbersOf(node)) {
      const labels = labelsOf(node.id)
      if (value === undefined || !labels) continue
      if (!found.has(name)) found.set(name, { name, help, type, values: [] })
      found.get(name)!.values.push({ labels: { ...labels }, value })
    }
  return [...found.values()]
}

function numbersOf(node: RowlineSnapshot['nodes'][number]): Numbers {
  switch (node.kind) {
    case 'source':
      return ofSource(node)
    case 'decoder':
      return ofDecoder(node)
    case 'sink':
      return [...ofSink(node), ...ofOutbox(node.delivery)]
  }
}

function ofSource({ connection }: SourceSnapshot): Numbers {
  const flag = (is: boolean | undefined) => (is ? 1 : 0)
  const open = connection?.unacknowledged
  return [
    ['gauge', 'rowline_source_connected', '1 while the broker is there.', flag(connection?.phase === 'connected')],
    ['gauge', 'rowline_source_unacknowledged', 'Records in the flow that are not acknowledged yet.', open],
    [
      'gauge',
      'rowline_source_qos_lowered',
      '1 while the broker grants less QoS than asked.',
      flag(!!connection?.lowered),
    ],
    ['gauge', 'rowline_source_window_limited', '1 while the flow takes no more.', flag(connection?.windowLimited)],
  ]
}

const ofDecoder = ({ decoded, skipped, warned, gaps, unnamed }: DecoderSnapshot): Numbers => [
  ['counter', 'rowline_records_decoded_total', 'Records that left output 1 of a decoder.', decoded],
  ['counter', 'rowline_records_skipped_total', 'Records that gave nothing to pass on.', skipped],
  ['counter', 'rowline_records_warned_total', 'Records passed on with a warning.', warned],
  ['counter', 'rowline_sparkplug_gaps_total', 'Sparkplug B messages before which others are missing.', gaps],
  ['counter', 'rowline_sparkplug_unnamed_total', 'Sparkplug B metrics whose alias no BIRTH names.', unnamed],
]

function ofSink({ delivery, oldestUnconfirmedAt: oldest }: SinkSnapshot): Numbers {
  const { pendingRecords, retries, error, counters } = delivery
  const age = oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1000
  const own: Numbers = Object.entries(counters).map(([what, total]) => [
    'counter',
    `rowline_${what.replaceAll(' ', '_')}_total`,
    `Of a sink: ${what}.`,
    total,
  ])
  return [
    ['gauge', 'rowline_oldest_unconfirmed_seconds', 'Age of the oldest record without confirmation.', age],
    ['gauge', 'rowline_sink_pending', 'Records without confirmation.', pendingRecords],
    ['counter', 'rowline_retries_total', 'Failed attempts to open the target or to write.', retries],
    ['gauge', 'rowline_sink_failing', '1 while writes fail.', error ? 1 : 0],
    ...own,
  ]
}

function ofOutbox({ outbox }: DeliverySnapshot): Numbers {
  if (!outbox) return []
  const { entries, bytes, dropped, syncMsP99 } = outbox
  const syncSeconds = syncMsP99 === undefined ? undefined : syncMsP99 / 1000
  return [
    ['gauge', 'rowline_outbox_entries', 'Records in the outbox.', entries],
    ['gauge', 'rowline_outbox_bytes', 'Bytes of the outbox on disk.', bytes],
    ['counter', 'rowline_outbox_dropped_total', 'Records deleted from a full outbox.', dropped],
    ['gauge', 'rowline_outbox_sync_seconds', '99th percentile of the latest fdatasyncs.', syncSeconds],
  ]
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
