import type { Survival } from './kills.ts'
import type { Latency } from './latency.ts'
import type { Machine } from './machine.ts'
import type { Drain } from './measure.ts'
import { drainTable, type Named, type Titles, titlesOf } from './report.ts'
import { type Percentiles, ratio, type Summary } from './summary.ts'
import { circumstances, decimal, mark, some, table, whole } from './tables.ts'

/** What one run has found, as `results/peers.json` keeps it. */
export interface PeersResult {
  readonly date: string
  readonly machine: Machine
  /** Of each peer, or why it is not there. */
  readonly versions: { readonly [title: string]: string }
  readonly variants: readonly Named[]
  readonly summaries: readonly Summary[]
  readonly rounds: readonly (readonly Drain[])[]
  readonly survivals: readonly Survival[]
  readonly latencies: readonly Latency[]
  /** What went wrong, in words. */
  readonly failures: readonly string[]
}

export function markdown(result: PeersResult): string {
  const { date, machine, versions, variants, summaries, rounds, survivals, latencies, failures } = result
  const titles = titlesOf(variants)
  return `# Rowline and its peers: mosquitto to Apache Kafka

${circumstances('npm run bench:peers', date, machine)}

${table(['peer', 'versions'], Object.entries(versions))}

Every pipeline decodes each reading and writes it as JSON (Telegraf: flattened, beside a name, tags and its own time), with
its MQTT topic as key. Only Rowline's records carry headers: five of MQTT, and with the outbox the record's id. In each of ${rounds.length} rounds they follow each other, so that they meet the same machine.

${failures.length === 0 ? 'Nothing failed.' : `Failed:\n\n${failures.map((line) => `- ${line}`).join('\n')}`}

## Drain of a preloaded session

Sessions of ${whole(summaries[0]?.messages ?? 0)} readings. Rate: from the first append in Kafka to the last, by Kafka's clock. Node-RED
is warm: it has drained another session before. CPU of the other programs includes their start. Medians over the rounds.

${acknowledgeTable(variants)}

${drainTable(summaries, titles)}

## kill -9 in a live stream

Killed at random moments and started again, with the same client id. Duplicated: copies beyond the first in Kafka.
Out of order: first occurrences behind a later reading of their topic.

${survivalTable(survivals, titles)}

## Latency

A steady stream with which each pipeline keeps up. Milliseconds from the publisher's send: to the pipeline's PUBACK as a
proxy before the broker sees it, and to Kafka's append (at most: Kafka's clock gives whole milliseconds), which with one replica is when a consumer can read it. A PUBACK that
does not wait for Kafka or the disk is no safer for being fast. fdatasync: of the same process in the same run.

${latencyTable(latencies, titles)}

## How far the aims are

${aimTable(result)}
`
}

function acknowledgeTable(variants: readonly Named[]): string {
  return table(
    ['pipeline', 'acknowledges a reading'],
    variants.map(({ title, acknowledges }) => [title, acknowledges]),
  )
}

const namesIn = (found: readonly { readonly variant: string }[]) => [...new Set(found.map(({ variant }) => variant))]

function survivalTable(survivals: readonly Survival[], titles: Titles): string {
  const rows = namesIn(survivals).map((name) => {
    const own = survivals.filter(({ variant }) => variant === name)
    const list = (pick: (one: Survival) => number) => own.map((one) => whole(pick(one))).join(', ')
    return [
      titles(name),
      list(({ kills }) => kills),
      list(({ published }) => published),
      list(({ lost }) => lost),
      list(({ duplicated }) => duplicated),
      list(({ outOfOrder }) => outOfOrder),
      list(({ unacknowledged }) => unacknowledged),
    ]
  })
  const head = ['pipeline', 'kills', 'published', 'lost', 'duplicated', 'out of order', 'left with the broker']
  return table(head, rows)
}

/** Of several runs the one with the middle p99, the worse of two. */
export function middle(
  found: readonly Latency[],
  of: (one: Latency) => Percentiles | undefined,
): Percentiles | undefined {
  const all = found.map(of).filter((one) => one !== undefined)
  return all.toSorted((a, b) => a.p99 - b.p99)[Math.floor(all.length / 2)]
}

export const inMs = (one: Percentiles | undefined) =>
  one === undefined ? '~' : `${decimal(one.p50)} / ${decimal(one.p99)} / ${decimal(one.max)}`

function latencyTable(latencies: readonly Latency[], titles: Titles): string {
  const rows = namesIn(latencies).map((name) => {
    const own = latencies.filter(({ variant }) => variant === name)
    return [
      titles(name),
      own[0]!.ratePerSecond,
      inMs(middle(own, ({ acknowledged }) => acknowledged)),
      inMs(middle(own, ({ stored }) => stored)),
      inMs(middle(own, ({ syncs }) => syncs)),
      own.reduce((sum, { lost }) => sum + lost, 0),
    ]
  })
  const ms = 'p50 / p99 / max ms'
  return table(['pipeline', 'msg/s', `to PUBACK, ${ms}`, `to Kafka, ${ms}`, `fdatasync, ${ms}`, 'lost'], rows)
}

const readyMade = ['telegraf', 'stock']
const oursByName = ['batches', 'outbox', 'reading-outbox']

function aimTable({ summaries, rounds, survivals, latencies }: PeersResult): string {
  const of = (name: string, bytes: number) =>
    summaries.find(({ variant, payloadBytes }) => variant === name && payloadBytes === bytes)
  const atLeast = (value: number, aim: number, unit: string, format = decimal) =>
    some(value, (n) => `${format(n)}${unit}: ${mark(n >= aim)}`)
  const atMost = (value: number, aim: number, unit: string) =>
    some(value, (n) => `${decimal(n)}${unit}: ${mark(n <= aim)}`)
  const fastest = readyMade
    .filter((name) => of(name, 272))
    .toSorted((a, b) => of(b, 272)!.ratePerSecond.median - of(a, 272)!.ratePerSecond.median)[0]
  const toFastest = fastest === undefined ? NaN : ratio(rounds, 272, ['outbox', fastest], 'ratePerSecond')
  const ours = survivals.filter(({ variant }) => oursByName.includes(variant))
  const faults = ours.reduce((sum, { lost, outOfOrder }) => sum + lost + outOfOrder, 0)
  const prompt = latencies.filter(({ variant }) => variant === 'prompt-outbox')
  const toPuback = middle(prompt, ({ acknowledged }) => acknowledged)
  const toKafka = middle(prompt, ({ stored }) => stored)
  return table(
    ['aim', 'found'],
    [
      [
        `batches, outbox, 272 B: >= 2 x the fastest ready-made pipeline that is here (${fastest ?? 'none'})`,
        atLeast(toFastest, 2, ' x'),
      ],
      [
        'batches, outbox, 272 B: <= 3.5 CPU s / 100k',
        atMost(of('outbox', 272)?.cpuSecondsPer100k.median ?? NaN, 3.5, ''),
      ],
      [
        'batches, outbox, 1 KB: >= 25,000 msg/s on two cores',
        atLeast(of('outbox', 1024)?.ratePerSecond.median ?? NaN, 25_000, '', whole),
      ],
      ['0 lost, order kept over every kill -9', ours.length === 0 ? '~' : `${faults} faults: ${mark(faults === 0)}`],
      ['publish to PUBACK, outbox: p50 <= 5 ms', atMost(toPuback?.p50 ?? NaN, 5, ' ms')],
      ['publish to PUBACK, outbox: p99 <= 17 ms', atMost(toPuback?.p99 ?? NaN, 17, ' ms')],
      ['publish to Kafka, outbox, `lingerMs` 0: p50 <= 5 ms', atMost(toKafka?.p50 ?? NaN, 5, ' ms')],
      ['publish to Kafka, outbox, `lingerMs` 0: p99 <= 17 ms', atMost(toKafka?.p99 ?? NaN, 17, ' ms')],
    ],
  )
}
