import { environmentGate } from '../../../src/config/environment-gate.ts'
import { type ConfigOf, type Field, type Fields, parseField } from '../../../src/config/fields.ts'
import type { runnerFields } from '../../../src/config/sink-fields.ts'
import { withIds } from '../../../src/config/table-references.ts'
import { Problem } from '../../../src/core/problem.ts'
import { totalRetryMs } from '../../../src/core/retry.ts'
import { addressesOf, type InConfig, type SourceConfig } from '../../../src/mqtt/config.ts'
import { type RowDecoderConfig, rowDecoderFields } from '../../../src/rows/config.ts'
import { sparkplug } from '../../../src/rows/sparkplug/fields.ts'
import type { BigQuerySinkConfig } from '../../../src/sinks/bigquery/config.ts'
import type { FileSinkConfig } from '../../../src/sinks/file/config.ts'
import type { MqttSinkConfig } from '../../../src/sinks/mqtt/config.ts'
import type { Found } from './core-nodes.ts'

/** Values as the fields of a node type read them. What cannot be read counts as not set: such a node is red and holds. */
export function lenient(fields: Fields, raw: { readonly [name: string]: unknown }): object {
  const read = (field: Field<unknown>, value: unknown) => {
    const parsed = parseField(field, value)
    return parsed instanceof Problem ? field.default : parsed
  }
  const named = withIds(fields, raw)
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, read(field, named[name])]))
}

export type RunnerConfig = ConfigOf<ReturnType<typeof runnerFields>>

/** A source and the broker that it reads from. */
export interface Reader {
  readonly config: InConfig
  readonly broker: SourceConfig | undefined
}

const filtersOf = ({ config: { subscriptions } }: Reader, qos: string): string =>
  (subscriptions ?? [])
    .filter((row) => row.qos === qos)
    .map(({ filter }) => filter)
    .join(', ')

export function judgeSource(reader: Reader): readonly Found[] {
  const { config, broker } = reader
  const unkept = filtersOf(reader, '0')
  const seconds =
    broker?.protocolVersion === '4' || broker?.protocolVersion === '3' ? undefined : broker?.sessionExpiryInterval
  return [
    ...(unkept === '' ? [] : [{ code: 'qos0', values: { filter: unkept } } as const]),
    ...(broker?.clean ? [{ code: 'clean' } as const] : []),
    ...(config.acknowledge === 'onReceipt' ? [{ code: 'onReceipt' } as const] : []),
    ...(config.dynamic ? [{ code: 'dynamic' } as const] : []),
    ...(seconds === undefined || broker?.clean
      ? []
      : [{ code: 'expiry', values: { seconds: String(seconds) } } as const]),
    ...(isQueued(reader) ? [{ code: 'brokerQueue' } as const] : []),
  ]
}

/** Whether the broker keeps readings for it. */
const isQueued = ({ config: { dynamic, subscriptions }, broker }: Reader): boolean =>
  broker?.clean === false && (dynamic || (subscriptions ?? []).some(({ qos }) => qos !== '0'))

const rowFormats: readonly string[] = rowDecoderFields.ignoreParseErrors.when?.values.map(String) ?? []

export const judgeDecoder = (config: RowDecoderConfig, reader: Reader): readonly Found[] => [
  ...(config.ignoreParseErrors && rowFormats.includes(config.format) ? [{ code: 'skipsErrors' } as const] : []),
  ...(config.format === sparkplug && isSharedOut(reader) ? [{ code: 'sharedBirths' } as const] : []),
]

const isSharedOut = ({ config: { subscriptions }, broker }: Reader): boolean =>
  (broker?.poolSize ?? 1) > 1 || (subscriptions ?? []).some(({ filter }) => filter.startsWith('$share/'))

/** Why rows can come twice although their sink writes each once. */
export function judgeRepeats(reader: Reader): readonly Found[] {
  const filter = filtersOf(reader, '1')
  return filter === '' ? [] : [{ code: 'repeats', values: { filter } }]
}

/** By node type, what no other sink has. */
const sinkJudges: { readonly [type: string]: (config: object) => readonly Found[] } = {
  'mqtt-v3-out': (config) => ((config as MqttSinkConfig).qos === '0' ? [{ code: 'outQos0' }] : []),
  'file-sink': (config) => ((config as FileSinkConfig).whenFull === 'drop-oldest' ? [{ code: 'dropOldest' }] : []),
}

export function judgeSink(type: string, config: RunnerConfig): readonly Found[] {
  const { delivery, outboxWhenFull, environment } = config
  const drops = delivery === 'outbox' && outboxWhenFull === 'drop-oldest'
  const isDryRun = !environment.includes('${') && environmentGate(config) === 'dry-run'
  const own = sinkJudges[type]?.(config) ?? []
  return [
    ...(isDryRun ? [{ code: 'dryRun', values: { environment } } as const] : []),
    ...(drops && !own.some(({ code }) => code === 'dropOldest') ? [{ code: 'dropOldest' } as const] : []),
    ...judgeRetries(config),
    ...own,
  ]
}

/** Whether an outage that is long enough makes dead letters of readings that nothing is wrong with. */
function judgeRetries(config: RunnerConfig): readonly Found[] {
  const { onError, maxRetries, retryBackoffMs, maxRetryBackoffMs } = config
  if (onError === 'dead-letter') return [{ code: 'givesUpAtOnce' }]
  if (onError === 'stop' || maxRetries === 0) return []
  const ms = totalRetryMs(maxRetries, { baseMs: retryBackoffMs, maxMs: maxRetryBackoffMs })
  return [{ code: 'givesUp', values: { retries: String(maxRetries), time: roughly(ms) } }]
}

const scales = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const

function roughly(ms: number): string {
  const [size, unit] = scales.find(([each]) => ms >= 2 * each) ?? [1, 'ms']
  return `${Math.round(ms / size)} ${unit}`
}

/** Whether each of its readings becomes one row, whatever happens after they were stored. */
export const isExactlyOnce = (type: string, config: RunnerConfig): boolean =>
  type === 'bigquery-sink' &&
  (config as RunnerConfig & BigQuerySinkConfig).writeMethod === 'exactlyOnce' &&
  config.delivery === 'outbox'

/** The addresses at which two sources meet the same messages. */
export function isSameBroker(a: SourceConfig | undefined, b: SourceConfig | undefined): boolean {
  if (!a || !b) return false
  const addresses = ({ host, port, useTls, fallbacks }: SourceConfig) =>
    [{ host, port }, ...addressesOf(fallbacks)].map((each) => `${each.host}:${each.port ?? (useTls ? 8883 : 1883)}`)
  const known = addresses(a)
  return addresses(b).some((address) => known.includes(address))
}
