import type { NodeStatus } from 'node-red'
import type { DeliverySnapshot } from './delivery-mode.ts'
import type { Rejections } from './rejections.ts'
import { count, duration, failing } from './status.ts'

/** Above this a disk makes `confirm` the faster mode for a target nearby. */
const SLOW_SYNC_MS = 5

/** `1,204/s · outbox 0`, or what is wrong, for how long, and how much waits. */
export function describeSink(snapshot: DeliverySnapshot, ratePerSecond: number, rejections: Rejections): NodeStatus {
  const { phase, failingSince } = snapshot
  const error = snapshot.error ?? rejections.error
  const rejected = rejections.count > 0 ? ` · ${count(rejections.count)} rejected` : ''
  const counted = Object.entries(snapshot.counters).map(([what, n]) => (n > 0 ? ` · ${count(n)} ${what}` : ''))
  const rest = [waiting(snapshot), rejected, ...counted].join('')
  if (error)
    return failing(error, (failingSince === undefined ? '' : ` · ${duration(Date.now() - failingSince)}`) + rest)
  if (phase === 'opening') return { fill: 'yellow', shape: 'ring', text: `connecting${rest}` }
  return { fill: 'green', shape: 'dot', text: `${count(ratePerSecond)}/s${rest}${slowDisk(snapshot)}` }
}

function waiting({ outbox, pendingRecords }: DeliverySnapshot): string {
  if (outbox) return ` · outbox ${count(outbox.entries)}`
  return pendingRecords > 0 ? ` · ${count(pendingRecords)} waiting` : ''
}

function slowDisk({ outbox }: DeliverySnapshot): string {
  const ms = outbox?.syncMsP50 ?? 0
  return ms > SLOW_SYNC_MS ? ` · slow disk (${ms.toFixed(0)} ms): try confirm` : ''
}
