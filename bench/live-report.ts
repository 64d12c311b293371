import type { Drained } from './backlog.ts'
import type { Latency } from './latency.ts'
import type { Machine } from './machine.ts'
import { inMs, middle } from './peers-report.ts'
import { type Named, type Titles, titlesOf } from './report.ts'
import { spread } from './summary.ts'
import { circumstances, decimal, mark, table, whole } from './tables.ts'

/** What one run has found, as `results/live.json` keeps it. */
export interface LiveResult {
  readonly date: string
  readonly machine: Machine
  readonly variants: readonly Named[]
  readonly latencies: readonly Latency[]
  readonly backlogs: readonly Drained[]
  /** What went wrong, in words. */
  readonly failures: readonly string[]
}

export function markdown({ date, machine, variants, latencies, backlogs, failures }: LiveResult): string {
  const titles = titlesOf(variants)
  return `# Live streams through the outbox

${circumstances('npm run bench:live', date, machine)}

${failures.length === 0 ? 'Nothing failed.' : `Failed:\n\n${failures.map((line) => `- ${line}`).join('\n')}`}

## Latency

Milliseconds from the publisher's send: to the PUBACK as a proxy before the broker sees it, and to Kafka's append. The
publisher and the proxy are one more process on the same cores. Growth of RSS: from the end of the warm-up to the peak.

${latencyTable(latencies, titles)}

## A backlog beside live readings

Queued in the outbox while Kafka is down; when it is back, live readings arrive meanwhile. Rate of the backlog alone, from its first
append in Kafka to its last, by Kafka's clock.

${backlogTable(backlogs, titles)}
`
}

function latencyTable(latencies: readonly Latency[], titles: Titles): string {
  const keys = latencies.map(({ variant, ratePerSecond, topics }) => ({ variant, ratePerSecond, topics }))
  const kinds = [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()]
  const rows = kinds.map(({ variant, ratePerSecond, topics }) => {
    const own = latencies.filter(
      (one) => [one.variant, one.ratePerSecond, one.topics].join() === [variant, ratePerSecond, topics].join(),
    )
    return [
      titles(variant),
      whole(ratePerSecond),
      whole(topics),
      inMs(middle(own, ({ acknowledged }) => acknowledged)),
      inMs(middle(own, ({ stored }) => stored)),
      inMs(middle(own, ({ syncs }) => syncs)),
      decimal(Math.max(...own.map(({ rssGrowthMiB }) => rssGrowthMiB))),
      own.reduce((sum, { lost }) => sum + lost, 0),
    ]
  })
  const ms = 'p50 / p99 / max ms'
  const head = ['pipeline', 'msg/s', 'topics', `to PUBACK, ${ms}`, `to Kafka, ${ms}`, `fdatasync, ${ms}`]
  return table([...head, 'RSS growth MiB', 'lost'], rows)
}

function backlogTable(backlogs: readonly Drained[], titles: Titles): string {
  const rows = [...new Set(backlogs.map(({ variant }) => variant))].map((variant) => {
    const own = backlogs.filter((one) => one.variant === variant)
    const { queued, livePerSecond } = own[0]!
    const rate = spread(own.map(({ ratePerSecond }) => ratePerSecond)).median
    const sum = (pick: (one: Drained) => number) => own.reduce((total, one) => total + pick(one), 0)
    return [
      titles(variant),
      whole(queued),
      whole(livePerSecond),
      whole(rate),
      `${decimal(rate / livePerSecond)} x: ${mark(rate >= 3 * livePerSecond)}`,
      sum(({ lost }) => lost),
      sum(({ duplicated }) => duplicated),
      sum(({ outOfOrder }) => outOfOrder),
    ]
  })
  const head = ['flow', 'queued', 'live msg/s', 'backlog msg/s', 'aim 3 x live']
  return table([...head, 'lost', 'duplicated', 'out of order'], rows)
}
