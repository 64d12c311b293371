import type { Machine } from './machine.ts'
import type { Drain } from './measure.ts'
import { type Named, titlesOf } from './report.ts'
import { type Percentiles, ratio, spread } from './summary.ts'
import { circumstances, decimal, mark, table, whole } from './tables.ts'

/** A drain, and what the disk did meanwhile. */
export interface Observed extends Drain {
  readonly syncs: Percentiles | undefined
}

/** What one run has found, as `results/delivery.json` keeps it. */
export interface DeliveryResult {
  readonly date: string
  readonly machine: Machine
  readonly window: number
  readonly lateMs: number
  readonly variants: readonly Named[]
  readonly unlimited: readonly (readonly Observed[])[]
  readonly limited: readonly (readonly Observed[])[]
}

export function markdown({ date, machine, window, lateMs, variants, unlimited, limited }: DeliveryResult): string {
  return `# Delivery: outbox against confirm

${circumstances('node bench/delivery.ts', date, machine)}

Drains of preloaded QoS 1 sessions into Kafka, as in [drain.md](drain.md). Medians over ${unlimited.length} rounds; ratios are medians of
the ratios within each round. fdatasync: of the Node-RED process in the same drains, warm-up included.

## A broker that sends without a limit (mosquitto)

${deliveryTable(unlimited, variants)}

${ratioTable(unlimited, variants, { outbox: 'batches', 'reading-outbox': 'reading' }, 0.7)}

## A broker that strictly holds a window of ${window}, and a Kafka that answers ${lateMs} ms late

${deliveryTable(limited, variants)}

${ratioTable(limited, variants, { 'prompt-outbox': 'prompt-confirm' }, 5)}
`
}

const sizesIn = (rounds: readonly (readonly Observed[])[]) => [
  ...new Set(rounds.flat().map(({ payloadBytes }) => payloadBytes)),
]

function deliveryTable(rounds: readonly (readonly Observed[])[], variants: readonly Named[]): string {
  const titles = titlesOf(variants)
  const names = [...new Set(rounds.flat().map(({ variant }) => variant))]
  const rows = sizesIn(rounds).flatMap((bytes) =>
    names.map((name) => {
      const own = rounds.flat().filter(({ variant, payloadBytes }) => variant === name && payloadBytes === bytes)
      const median = (pick: (one: Observed) => number) => spread(own.map(pick)).median
      const sum = (pick: (one: Observed) => number) => own.reduce((total, one) => total + pick(one), 0)
      const synced = own.map(({ syncs }) => syncs).filter((one) => one !== undefined)
      const syncMs = (pick: 'p50' | 'p99') => decimal(spread(synced.map((one) => one[pick])).median)
      return [
        `${bytes} B`,
        titles(name),
        whole(median(({ ratePerSecond }) => ratePerSecond)),
        decimal(median(({ cpuSecondsPer100k }) => cpuSecondsPer100k)),
        synced.length === 0 ? '~' : `${syncMs('p50')} / ${syncMs('p99')}`,
        sum(({ lost }) => lost),
        sum(({ duplicated }) => duplicated),
        sum(({ outOfOrder }) => outOfOrder),
        sum(({ unacknowledged }) => unacknowledged),
      ]
    }),
  )
  const faults = ['lost', 'duplicated', 'out of order', 'not acknowledged']
  return table(['payload', 'flow', 'msg/s', 'CPU s / 100k', 'fdatasync p50 / p99 ms', ...faults], rows)
}

/** `pairs` names the flow with `confirm` for each with `outbox`. */
function ratioTable(
  rounds: readonly (readonly Observed[])[],
  variants: readonly Named[],
  pairs: { readonly [outbox: string]: string },
  aim: number,
): string {
  const titles = titlesOf(variants)
  const rows = sizesIn(rounds).flatMap((bytes) =>
    Object.entries(pairs).map(([over, under]) => {
      const found = ratio(rounds, bytes, [over, under], 'ratePerSecond')
      return [`${titles(over)}, ${bytes} B`, titles(under), `${aim} x`, `${decimal(found)} x: ${mark(found >= aim)}`]
    }),
  )
  return table(['flow', 'against', 'rate aimed at', 'rate'], rows)
}
