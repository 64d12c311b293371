import type { Machine } from './machine.ts'
import { spread } from './summary.ts'
import { circumstances, decimal, mark, table, whole } from './tables.ts'

/** One drain. */
export interface Found {
  readonly kind: string
  readonly title: string
  readonly isSecure: boolean
  /** From the first message in the flow to the last. */
  readonly ratePerSecond: number
  /** From the request to deploy the flow, or the start of the program, to the last acknowledgement. */
  readonly cpuSecondsPer100k: number
  readonly brokerCpuSecondsPer100k: number
  readonly peakRssMiB: number
  /** What the broker still had for the session at the end. */
  readonly unacknowledged: number
  readonly loadAverage: number
}

export interface Throughput {
  readonly window: number
  readonly flowMs: number
  /** Messages a second: the window over the time of the flow. */
  readonly allowed: number
  readonly ratePerSecond: number
}

export interface Result {
  readonly date: string
  readonly machine: Machine
  readonly versions: string
  readonly warmUp: number
  readonly messages: number
  /** The drains of a round follow each other. */
  readonly rounds: readonly (readonly Found[])[]
  readonly throughputs: readonly Throughput[]
}

const peer = 'rumqttc'
const aim = 1

export function markdown(result: Result): string {
  const { date, machine, versions, warmUp, messages, rounds, throughputs } = result
  return `# Drain of a preloaded QoS 1 session into a flow that does nothing else

${circumstances('npm run bench:source', date, machine)} ${versions}.

Each drain has a process of its own and a session of ${whole(messages)} messages of 1 KB that wait at mosquitto, which sends as
many as it likes. Rowline reads them in Node-RED, through *mqtt v3 in* and a node that says at once that it is done, and acknowledges
them after that; ${whole(warmUp)} messages go first, through nodes that are then replaced, and are not counted. rumqttc, in a
program of its own, acknowledges each message by hand when it is there. Rate: from the first message to the last. CPU: user and
system time of that process until the last acknowledgement; that of Node-RED includes the deploy. Medians of ${rounds.length} rounds, with minimum and
maximum; ratios are medians of the ratios within each round. What limits the rate may be the broker: its own CPU time is beside.

${drainTable(rounds)}

${ratioTable(rounds)}

## What a window lets through

A broker that never has more than its window in flight gives at most window / latency of the flow: measured with a broker of
the tests that holds its window strictly, and a *delay* node, whose timer adds about a millisecond to its time.

${table(
  ['window', 'time of the flow', 'window / time', 'measured msg/s'],
  throughputs.map(({ window, flowMs, allowed, ratePerSecond }) => [
    window,
    `${flowMs} ms`,
    whole(allowed),
    whole(ratePerSecond),
  ]),
)}
`
}

const kindsOf = (rounds: Result['rounds']) => {
  const all = new Map(rounds.flat().map((one) => [`${one.kind} ${one.isSecure}`, one]))
  return [...all.values()].sort((a, b) => Number(a.isSecure) - Number(b.isSecure))
}
const lineName = (isSecure: boolean) => (isSecure ? 'TLS' : 'plain')

function drainTable(rounds: Result['rounds']): string {
  const head = ['line', 'client', 'msg/s (min-max)', 'CPU s / 100k', 'broker CPU s / 100k', 'peak RSS MiB', 'left']
  const rows = kindsOf(rounds).map(({ kind, isSecure, title }) => {
    const own = rounds.flat().filter((one) => one.kind === kind && one.isSecure === isSecure)
    const rate = spread(own.map(({ ratePerSecond }) => ratePerSecond))
    return [
      lineName(isSecure),
      title,
      `${whole(rate.median)} (${whole(rate.min)}-${whole(rate.max)})`,
      decimal(spread(own.map(({ cpuSecondsPer100k }) => cpuSecondsPer100k)).median),
      decimal(spread(own.map(({ brokerCpuSecondsPer100k }) => brokerCpuSecondsPer100k)).median),
      whole(Math.max(...own.map(({ peakRssMiB }) => peakRssMiB))),
      own.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0),
    ]
  })
  return table(head, rows)
}

function ratioTable(rounds: Result['rounds']): string {
  const ratio = (kind: string, isSecure: boolean, figure: 'ratePerSecond' | 'cpuSecondsPer100k') => {
    const of = (round: readonly Found[], name: string) =>
      round.find((one) => one.kind === name && one.isSecure === isSecure)![figure]
    return spread(rounds.map((round) => of(round, kind) / of(round, peer))).median
  }
  const rows = kindsOf(rounds)
    .filter(({ kind }) => kind !== peer)
    .map(({ kind, isSecure, title }) => {
      const rate = ratio(kind, isSecure, 'ratePerSecond')
      const verdict = kind === 'batches' ? mark(rate >= aim) : ''
      const cpu = ratio(kind, isSecure, 'cpuSecondsPer100k')
      return [`${title}, ${lineName(isSecure)}`, `${decimal(rate)} x`, verdict, `${decimal(cpu)} x`]
    })
  return table(['against rumqttc', 'rate', `aim ${decimal(aim)} x`, 'CPU per message'], rows)
}
