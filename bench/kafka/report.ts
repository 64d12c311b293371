import type { Machine } from '../machine.ts'
import { spread } from '../summary.ts'
import { circumstances, decimal, mark, some, table, whole } from '../tables.ts'
import type { Produced } from './load.ts'

/** One run of one producer. */
export interface Production extends Produced {
  readonly client: 'platformatic' | 'kafkajs' | 'librdkafka' | 'librdkafka, batches'
  readonly bytes: number
  readonly compression: string
  readonly round: number
  readonly loadAverage: number
}

/** What one benchmark run has found, as `results/kafka.json` keeps it. */
export interface KafkaResult {
  readonly date: string
  readonly machine: Machine
  /** Versions of what librdkafka runs in. */
  readonly python: string
  readonly rounds: number
  readonly records: number
  readonly batchRecords: number
  readonly productions: readonly Production[]
}

const yardstick = 'librdkafka'
/** The part of librdkafka's rate, and the microseconds per record, that the faster client is to reach. */
const aims = { rate: 0.35, cpu: 11 }

export function markdown({ date, machine, python, rounds, records, batchRecords, productions }: KafkaResult): string {
  return `# Producing to Apache Kafka

${circumstances('npm run bench:kafka', date, machine)}

Each run is a process of its own that sends ${whole(records)} records with keys and two headers to 6 partitions of one
broker, acks all, idempotent, after a warm-up. Our clients send ${batchRecords} at a time and wait for their confirmation,
as the sink does. librdkafka (${python}) sends as it likes with one request in flight, or batch by batch
as we do. CPU: of the process, all threads. p99: from handing over ${batchRecords} records to the confirmation of the
last. Medians of ${rounds} rounds; the ratio is the median of the ratios within each round. The load average is the mean
at the start of the runs: of other programs too, on this machine.

${productionTable(productions)}

${aimTable(productions)}
`
}

interface Group {
  readonly own: readonly Production[]
  readonly toYardstick: number
}

function groups(productions: readonly Production[]): Group[] {
  const byKey = Map.groupBy(productions, ({ bytes, compression, client }) => `${bytes} ${compression} ${client}`)
  return [...byKey.values()].map((own) => ({ own, toYardstick: ratio(productions, own) }))
}

function ratio(productions: readonly Production[], own: readonly Production[]): number {
  const ratios = own.map(({ bytes, compression, round, ratePerSecond }) => {
    const same = productions.find(
      (other) =>
        other.client === yardstick &&
        other.bytes === bytes &&
        other.compression === compression &&
        other.round === round,
    )
    return ratePerSecond / (same?.ratePerSecond ?? NaN)
  })
  return spread(ratios.filter((one) => !Number.isNaN(one))).median
}

function productionTable(productions: readonly Production[]): string {
  const head = [
    'record',
    'compression',
    'client',
    'msg/s (min-max)',
    'of librdkafka',
    'CPU us / record',
    'p50 ms',
    'p99 ms',
    'load',
  ]
  const rows = groups(productions).map(({ own, toYardstick }) => {
    const of = (pick: (one: Production) => number) => spread(own.map(pick))
    const { bytes, compression, client } = own[0]!
    const rate = of((one) => one.ratePerSecond)
    return [
      `${bytes} B`,
      compression,
      client,
      `${whole(rate.median)} (${whole(rate.min)}-${whole(rate.max)})`,
      some(toYardstick, (n) => `${decimal(n)} x`),
      decimal(of((one) => one.cpuMicrosPerRecord).median),
      decimal(of((one) => one.p50Ms).median),
      decimal(of((one) => one.p99Ms).median),
      decimal(own.reduce((sum, { loadAverage }) => sum + loadAverage, 0) / own.length),
    ]
  })
  return table(head, rows)
}

function aimTable(productions: readonly Production[]): string {
  const rows = groups(productions)
    .filter(({ own: [first] }) => first!.client === 'platformatic' && first!.compression === 'none')
    .map(({ own, toYardstick }) => {
      const cpu = spread(own.map((one) => one.cpuMicrosPerRecord)).median
      return [
        `${own[0]!.bytes} B`,
        `${decimal(toYardstick)} x: ${mark(toYardstick >= aims.rate)}`,
        `${decimal(cpu)}: ${mark(cpu <= aims.cpu)}`,
      ]
    })
  return table(
    ['platformatic, uncompressed', `rate, aim ${aims.rate} x of librdkafka`, `CPU us / record, aim ${aims.cpu}`],
    rows,
  )
}
