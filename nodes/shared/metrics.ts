import type { Counted } from '../../src/core/sink.ts'
import { durationBuckets, type Tally } from '../../src/core/tally.ts'
import type { Labels, Metric, Sample } from '../../src/metrics/exposition.ts'
import type { Gauge } from '../../src/metrics/gauge.ts'
import { countedMetrics, type MetricName, metricTable } from '../../src/metrics/table.ts'
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
  readonly gauges: Iterable<Gauge>
  readonly labelsOf: (id: string) => NodeLabels | undefined
  readonly maxUnconfirmedAgeMs: number
  /** Nodes that do not run, because of their configuration. */
  readonly red: Iterable<RedNode>
}

export interface RedNode {
  readonly labels: NodeLabels
  /** For anybody to read. */
  readonly problem: string
}

/** Those of `metricTable` that have a value at this moment. */
export function metricsOf(measured: Measured): Metric[] {
  const found = new Map<string, Sample[]>()
  const add: Add = (name, labels, value, metricName) => {
    const values = found.get(name) ?? []
    found.set(name, values)
    values.push({ labels, value, ...(metricName === undefined ? {} : { metricName }) })
  }
  addRecords(measured, add)
  addNodes(measured, add)
  addAll(measured, add)
  return Object.entries(metricTable).flatMap(([name, { type, help }]) => {
    const values = found.get(name)
    return values ? [{ name, type, help, values }] : []
  })
}

type Add = (name: MetricName, labels: Labels, value: number, metricName?: string) => void

function addRecords({ tallies }: Measured, add: Add): void {
  for (const { labels: own, tally } of tallies)
    for (const [route, counted] of tally.routes) {
      const labels = { ...own, route }
      if (counted.received > 0) add('rowline_records_received_total', labels, counted.received)
      for (const [reason, value] of counted.rejected)
        add('rowline_records_rejected_total', { ...labels, reason }, value)
      if (counted.confirmed === 0) continue
      add('rowline_records_confirmed_total', labels, counted.confirmed)
      addDurations(labels, counted, add)
    }
}

function addDurations(labels: Labels, { durations, confirmed, durationSeconds }: Counts, add: Add): void {
  const name = 'rowline_record_duration_seconds'
  let within = 0
  for (const [i, le] of durationBuckets.entries()) {
    within += durations[i]!
    add(name, { ...labels, le }, within, `${name}_bucket`)
  }
  add(name, { ...labels, le: '+Inf' }, confirmed, `${name}_bucket`)
  add(name, labels, durationSeconds, `${name}_sum`)
  add(name, labels, confirmed, `${name}_count`)
}
type Counts = Tally['routes'] extends ReadonlyMap<string, infer R> ? R : never

type Numbers = { readonly [name in MetricName]?: number | undefined }

function addNodes({ snapshot, labelsOf }: Measured, add: Add): void {
  for (const node of snapshot.nodes) {
    const labels = labelsOf(node.id)
    if (!labels) continue
    for (const [name, value] of Object.entries(numbersOf(node)))
      if (value !== undefined) add(name as MetricName, { ...labels }, value)
  }
}

function numbersOf(node: RowlineSnapshot['nodes'][number]): Numbers {
  switch (node.kind) {
    case 'source':
      return ofSource(node)
    case 'decoder':
      return ofDecoder(node)
    case 'sink':
      return { ...ofSink(node), ...ofOutbox(node.delivery) }
    case 'gauge':
      return { rowline_gauge_series: node.series, rowline_gauge_unshown_total: node.unshown }
  }
}

const flag = (is: boolean | undefined) => (is ? 1 : 0)
const ageSeconds = (since: number | undefined) => (since === undefined ? 0 : Math.max(0, Date.now() - since) / 1000)

const ofSource = ({ connection, skipped, oldestUnconfirmedAt }: SourceSnapshot): Numbers => ({
  rowline_records_skipped_total: skipped,
  rowline_source_connected: flag(connection?.phase === 'connected'),
  rowline_source_unacknowledged: connection?.unacknowledged,
  rowline_source_qos_lowered: flag(connection?.lowered !== undefined),
  rowline_source_window_limited: flag(connection?.windowLimited),
  rowline_oldest_unconfirmed_seconds: ageSeconds(oldestUnconfirmedAt),
})

const ofDecoder = ({ decoded, skipped, warned, gaps, unnamed }: DecoderSnapshot): Numbers => ({
  rowline_records_decoded_total: decoded,
  rowline_records_skipped_total: skipped,
  rowline_records_warned_total: warned,
  rowline_sparkplug_gaps_total: gaps,
  rowline_sparkplug_unnamed_total: unnamed,
})

function ofSink({ delivery, oldestUnconfirmedAt }: SinkSnapshot): Numbers {
  const { pendingRecords, retries, error, counters } = delivery
  const own = Object.entries(counters).map(([counted, total]) => [countedMetrics[counted as Counted], total])
  return {
    rowline_oldest_unconfirmed_seconds: ageSeconds(oldestUnconfirmedAt),
    rowline_sink_pending: pendingRecords,
    rowline_retries_total: retries,
    rowline_sink_failing: flag(error !== undefined),
    ...(Object.fromEntries(own) as Numbers),
  }
}

function ofOutbox({ outbox }: DeliverySnapshot): Numbers {
  if (!outbox) return {}
  const { entries, bytes, dropped, syncMsP99 } = outbox
  return {
    rowline_outbox_entries: entries,
    rowline_outbox_bytes: bytes,
    rowline_outbox_dropped_total: dropped,
    rowline_outbox_sync_seconds: syncMsP99 === undefined ? undefined : syncMsP99 / 1000,
  }
}

function addAll({ snapshot, maxUnconfirmedAgeMs }: Measured, add: Add): void {
  const isHealthy = problemsOf(snapshot, maxUnconfirmedAgeMs, Date.now()).length === 0
  const { memory, lateCompletions, lateSenders } = snapshot
  const own: Numbers = {
    rowline_health: flag(isHealthy),
    rowline_memory_held_bytes: memory.heldBytes,
    rowline_memory_limit_bytes: memory.maxBytes,
    rowline_late_completions_total: lateCompletions,
    rowline_late_senders: lateSenders.length,
  }
  for (const [name, value] of Object.entries(own)) add(name as MetricName, {}, value!)
}
