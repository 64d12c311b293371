import type { NodeStatus } from 'node-red'
import type { RunnerSnapshot } from '../../src/core/sink-runner.ts'
import type { OutboxRunnerSnapshot } from '../../src/outbox/outbox-runner.ts'
import { count, duration, short } from './status.ts'

type Snapshot = RunnerSnapshot & Partial<Pick<OutboxRunnerSnapshot, 'outbox'>>

/** Above this a disk makes `confirm` the faster mode for a target nearby. */
const SLOW_SYNC_MS = 5

/** `1,204/s · outbox 0`, or what is wrong, for how long, and how much waits. */
export function describeSink(snapshot: Snapshot, ratePerSecond: number, rejected: number): NodeStatus {
  const { phase, error, failingSince } = snapshot
  const rest = waiting(snapshot) + (rejected > 0 ? ` · ${count(rejected)} rejected` : '')
  if (error) {
    const fill = error.disposition === 'retry' ? 'yellow' : 'red'
    const since = failingSince === undefined ? '' : ` (${duration(Date.now() - failingSince)})`
    return { fill, shape: 'ring', text: `${short(error.message)}${since}${rest}` }
  }
  if (phase === 'opening') return { fill: 'yellow', shape: 'ring', text: `connecting${rest}` }
  return { fill: 'green', shape: 'dot', text: `${count(ratePerSecond)}/s${rest}${slowDisk(snapshot)}` }
}

function waiting({ outbox, pendingRecords }: Snapshot): string {
  if (outbox) return ` · outbox ${count(outbox.entries)}`
  return pendingRecords > 0 ? ` · ${count(pendingRecords)} waiting` : ''
}

function slowDisk({ outbox }: Snapshot): string {
  const ms = outbox?.syncMsP50 ?? 0
  return ms > SLOW_SYNC_MS ? ` · slow disk (${ms.toFixed(0)} ms): try confirm` : ''
}
