import type { Machine } from './machine.ts'
import type { Drain } from './measure.ts'
import type { Hot, Share } from './profile.ts'
import type { Summary } from './summary.ts'
import { type Variant, variants } from './variants.ts'

/** What one benchmark run has found, as `results/drain.json` keeps it. */
export interface Result {
  readonly date: string
  readonly machine: Machine
  readonly warmUp: number
  readonly summaries: readonly Summary[]
  readonly rounds: readonly (readonly Drain[])[]
  readonly hot: readonly Hot[]
}

export function markdown({ date, machine, warmUp, summaries, rounds, hot }: Result): string {
  const { cpu, cores, memoryGiB, kernel, loadAverage, versions, commit } = machine
  return `# Drain of a preloaded QoS 1 session: mosquitto to Apache Kafka

${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}. Written by \`npm run bench\`.

Machine: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}; broker, Kafka and Node-RED share it. Load average at the start
${loadAverage.join(' / ')}. ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.

Each drain has a Node-RED process of its own and a session of ${whole(summaries[0]!.messages)} readings.
${whole(warmUp)} readings go first, through nodes that are then replaced; they are not counted. Rate: from the first to
the last record readable in Kafka. CPU: of the Node-RED process alone, from the request to deploy the flow to the last
acknowledgement. Rates and CPU are medians of ${rounds.length} rounds; ratios are medians of the ratios within each round.
(a) and (b) decode every reading into a typed row and acknowledge it after Kafka has confirmed it, (d) when it is
fsynced in the outbox; (c) acknowledges on
receipt, which is what it is compared with and not an equal.

${drainTable(summaries)}

${aimTable(summaries)}

## Where our time goes

Self time on the main thread, of one more drain each under the sampling profiler, which costs time itself.

${hot.map(hotTables).join('\n\n')}
`
}

const title = (name: Variant['name']) => variants.find((variant) => variant.name === name)!.title
const whole = (n: number) => Math.round(n).toLocaleString('en-US')
const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [row(head), row(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row)].join('\n')

export function drainTable(summaries: readonly Summary[]): string {
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
      title(one.variant),
      `${whole(one.ratePerSecond.median)} (${whole(one.ratePerSecond.min)}-${whole(one.ratePerSecond.max)})`,
      `${decimal(one.cpuSecondsPer100k.median)} (${decimal(one.cpuSecondsPer100k.min)}-${decimal(one.cpuSecondsPer100k.max)})`,
      whole(one.peakRssMiB),
      `${decimal(one.rateToStock)} x`,
      `1 / ${decimal(one.stockCpuToOurs)}`,
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

export function aimTable(summaries: readonly Summary[]): string {
  const mark = (reached: boolean) => (reached ? 'reached' : '**missed**')
  const rows = aims.flatMap(({ variant, rate, cpu }) =>
    summaries
      .filter((one) => one.variant === variant)
      .map(({ payloadBytes, rateToStock, stockCpuToOurs }) => [
        `${title(variant)}, ${payloadBytes} B`,
        `${rate} x`,
        `${decimal(rateToStock)} x: ${mark(rateToStock >= rate)}`,
        `1 / ${cpu}`,
        `1 / ${decimal(stockCpuToOurs)}: ${mark(stockCpuToOurs >= cpu)}`,
      ]),
  )
  return table(['flow', 'rate aimed at', 'rate', 'CPU aimed at', 'CPU'], rows)
}

export function hotTables({ variant, payloadBytes, modules, functions }: Hot): string {
  const rows = (shares: readonly Share[]) =>
    shares.map(({ name, percent, microsecondsPerMessage }) => [
      name,
      percent.toFixed(1),
      microsecondsPerMessage.toFixed(2),
    ])
  return [
    `### ${title(variant)}, ${payloadBytes} B`,
    table(['module', '% of busy time', 'us / message'], rows(modules)),
    table(['function (self time)', '% of busy time', 'us / message'], rows(functions)),
  ].join('\n\n')
}

const decimal = (n: number) => n.toFixed(n < 10 ? 2 : 1)
