import type { Machine } from './machine.ts'
import type { Drain } from './measure.ts'
import type { Variant } from './pipeline.ts'
import type { Hot, Share } from './profile.ts'
import type { Spread, Summary } from './summary.ts'
import { circumstances, decimal, mark, some, table, whole } from './tables.ts'

export type Named = Pick<Variant, 'name' | 'title' | 'acknowledges'>

/** What one benchmark run has found, as `results/drain.json` keeps it. */
export interface Result {
  readonly date: string
  readonly machine: Machine
  readonly variants: readonly Named[]
  readonly warmUp: number
  readonly summaries: readonly Summary[]
  readonly rounds: readonly (readonly Drain[])[]
  readonly hot: readonly Hot[]
}

export function markdown({ date, machine, variants, warmUp, summaries, rounds, hot }: Result): string {
  const titles = titlesOf(variants)
  return `# Drain of a preloaded QoS 1 session: mosquitto to Apache Kafka

${circumstances('npm run bench', date, machine)}

Each drain has a Node-RED process of its own and a session of ${whole(summaries[0]!.messages)} readings.
${whole(warmUp)} readings go first, through nodes that are then replaced; they are not counted. Rate: from the first
append in Kafka to the last, by Kafka's clock. CPU: of the Node-RED process alone, from the request to deploy the flow to the last
acknowledgement. Rates and CPU are medians of ${rounds.length} rounds; ratios are medians of the ratios within each round.
(a) and (b) decode every reading into a typed row and acknowledge it after Kafka has confirmed it, (d) when it is
fsynced in the outbox; (c) acknowledges on
receipt, which is what it is compared with and not an equal.

${drainTable(summaries, titles)}

${aimTable(summaries, titles)}

## Where our time goes

Self time on the main thread, of one more drain each under the sampling profiler, which costs time itself.

${hot.map((one) => hotTables(one, titles)).join('\n\n')}
`
}

export type Titles = (name: Variant['name']) => string
export const titlesOf =
  (variants: readonly Named[]): Titles =>
  (name) =>
    variants.find((variant) => variant.name === name)!.title

const withRange = ({ median, min, max }: Spread, format: (n: number) => string) =>
  `${format(median)} (${format(min)}-${format(max)})`

export function drainTable(summaries: readonly Summary[], titles: Titles): string {
  const head = [
    'payload',
    'flow',
    'msg/s (min-max)',
    'CPU s / 100k (min-max)',
    'peak RSS MiB',
    'rate / stock',
    'CPU per message',
    'lost',
    'duplicated',
    'out of order',
    'not acknowledged',
  ]
  return table(
    head,
    summaries.map((one) => [
      `${one.payloadBytes} B`,
      titles(one.variant),
      withRange(one.ratePerSecond, whole),
      withRange(one.cpuSecondsPer100k, decimal),
      whole(one.peakRssMiB),
      some(one.rateToStock, (n) => `${decimal(n)} x`),
      some(one.stockCpuToOurs, (n) => `1 / ${decimal(n)}`),
      one.lost,
      one.duplicated,
      one.outOfOrder,
      one.unacknowledged,
    ]),
  )
}

const aims = [
  { variant: 'reading', rate: 3, cpu: 4 },
  { variant: 'batches', rate: 6, cpu: 8 },
] as const

export function aimTable(summaries: readonly Summary[], titles: Titles): string {
  const rows = aims.flatMap(({ variant, rate, cpu }) =>
    summaries
      .filter((one) => one.variant === variant)
      .map(({ payloadBytes, rateToStock, stockCpuToOurs }) => [
        `${titles(variant)}, ${payloadBytes} B`,
        `${rate} x`,
        `${decimal(rateToStock)} x: ${mark(rateToStock >= rate)}`,
        `1 / ${cpu}`,
        `1 / ${decimal(stockCpuToOurs)}: ${mark(stockCpuToOurs >= cpu)}`,
      ]),
  )
  return table(['flow', 'rate aimed at', 'rate', 'CPU aimed at', 'CPU'], rows)
}

export function hotTables({ variant, payloadBytes, modules, functions }: Hot, titles: Titles): string {
  const rows = (shares: readonly Share[]) =>
    shares.map(({ name, percent, microsecondsPerMessage }) => [
      name,
      percent.toFixed(1),
      microsecondsPerMessage.toFixed(2),
    ])
  return [
    `### ${titles(variant)}, ${payloadBytes} B`,
    table(['module', '% of busy time', 'us / message'], rows(modules)),
    table(['function (self time)', '% of busy time', 'us / message'], rows(functions)),
  ].join('\n\n')
}
