import type { Counted } from '../core/sink.ts'

export interface DeclaredMetric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
  /** HELP of the exposition and what the README says. */
  readonly help: string
}

/** The names of its tab and of itself, and its type. */
const ofNode = ['pipeline', 'node', 'type']
const ofRoute = [...ofNode, 'route']

type Told = readonly [help: string, labels?: readonly string[]]
const counter = (...[help, labels = ofNode]: Told) => ({ type: 'counter', labels, help }) as const
const gauge = (...[help, labels = ofNode]: Told) => ({ type: 'gauge', labels, help }) as const

/** Every metric of `/rowline/metrics`, said once: exposition and README come from it. */
export const metricTable = {
  rowline_records_received_total: counter('Records that a source has taken from its broker.', ofRoute),
  rowline_records_confirmed_total: counter('Records that the target of a sink has confirmed.', ofRoute),
  rowline_records_rejected_total: counter('Records that went to output 2 or the dead letters.', [...ofRoute, 'reason']),
  rowline_record_duration_seconds: {
    type: 'histogram',
    labels: ofRoute,
    help: 'From the receipt of a record to the confirmation of the target.',
  },
  rowline_oldest_unconfirmed_seconds: gauge(
    'Age of the oldest record that a source has not acknowledged, or that a sink has no confirmation for.',
  ),
  rowline_source_connected: gauge('1 while the broker is there.'),
  rowline_source_unacknowledged: gauge('Records in the flow that are not acknowledged yet.'),
  rowline_source_window_limited: gauge('1 while the flow takes no more.'),
  rowline_source_qos_lowered: gauge('1 while the broker grants less QoS than was asked for.'),
  rowline_records_decoded_total: counter('Records that left output 1 of a decoder.'),
  rowline_records_skipped_total: counter(
    'Records that gave a decoder nothing to pass on, and retained messages that a source skips.',
  ),
  rowline_records_warned_total: counter('Records that a decoder passed on with a warning.'),
  rowline_sparkplug_gaps_total: counter('Sparkplug B messages before which others are missing.'),
  rowline_sparkplug_unnamed_total: counter('Sparkplug B metrics whose alias no BIRTH names.'),
  rowline_sink_pending: gauge('Records without confirmation.'),
  rowline_sink_failing: gauge('1 while writes fail.'),
  rowline_retries_total: counter('Failed attempts to open the target or to write, since the last deploy or restart.'),
  rowline_topic_collisions_total: counter('Pairs of names that became one Kafka topic.'),
  rowline_timestamps_replaced_total: counter('Records whose "Time column" could not be their time in Kafka.'),
  rowline_outbox_entries: gauge('Records in the outbox.'),
  rowline_outbox_bytes: gauge('Bytes of the outbox on disk.'),
  rowline_outbox_dropped_total: counter('Records deleted unsent from a full outbox.'),
  rowline_outbox_sync_seconds: gauge('99th percentile of the latest fdatasyncs of an outbox.'),
  rowline_gauge_series: gauge('Series that a prometheus gauge shows at /rowline/rows.'),
  rowline_gauge_unshown_total: counter('Records for which "Most series" of a prometheus gauge left no room.'),
  rowline_health: gauge('1, or 0 while a record waits too long or writes fail; /rowline/health then says 503.', []),
  rowline_memory_held_bytes: gauge('Memory of records on their way.', []),
  rowline_memory_limit_bytes: gauge('What these may have.', []),
  rowline_late_completions_total: counter('Messages that a flow finished after they were given up.', []),
  rowline_late_senders: gauge('Nodes seen to send messages after they were done with them, since the last deploy.', []),
} as const satisfies { readonly [name: string]: DeclaredMetric }

export type MetricName = keyof typeof metricTable

/** The totals of a sink that only it knows. */
export const countedMetrics: { readonly [counted in Counted]: MetricName } = {
  'topic collisions': 'rowline_topic_collisions_total',
  'timestamps replaced': 'rowline_timestamps_replaced_total',
}
