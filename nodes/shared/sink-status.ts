import type { NodeStatus } from 'node-red'
import type { DeliverySnapshot } from './delivery-mode.ts'
import type { SinkSnapshot } from './snapshot.ts'
import { count, duration, failing } from './status.ts'

/** Above this the disk limits the rate. */
const SLOW_SYNC_MS = 5

/** A record that waits longer than this is worth a word. */
const OLD_MS = 5000

/** `1,204/s · outbox 0`, or what is wrong and how much waits since when; where nothing does, for how long it is wrong. */
export function describeSink(snapshot: SinkSnapshot, ratePerSecond: number): NodeStatus {
  const { delivery, rejections } = snapshot
  const { phase, failingSince } = delivery
  if (snapshot.dryRunIn !== undefined) return dryRun(snapshot, snapshot.dryRunIn)
  const error = delivery.error ?? rejections.error
  const rejected = rejections.count > 0 ? ` · ${count(rejections.count)} rejected` : ''
  const counted = Object.entries(delivery.counters).map(([what, n]) => (n > 0 ? ` · ${count(n)} ${what}` : ''))
  const { dropped = 0 } = delivery.outbox ?? {}
  const deleted = dropped > 0 ? ` · ${count(dropped)} deleted` : ''
  const rest = [waiting(snapshot), deleted, rejected, ...counted].join('')
  if (error) {
    const isWaiting = snapshot.oldestUnconfirmedAt !== undefined
    const since = isWaiting || failingSince === undefined ? '' : ` · for ${duration(Date.now() - failingSince)}`
    return failing(error, since + rest)
  }
  if (phase === 'opening') return { fill: 'yellow', shape: 'ring', text: `connecting${rest}` }
  return { fill: 'green', shape: 'dot', text: `${count(ratePerSecond)}/s${rest}${slowDisk(delivery)}` }
}

function dryRun({ delivery, rejections }: SinkSnapshot, environment: string): NodeStatus {
  const rejected = rejections.count > 0 ? ` · ${count(rejections.count)} rejected` : ''
  return {
    fill: 'grey',
    shape: 'ring',
    text: `dry-run (${environment}) · ${count(delivery.confirmed)} logged${rejected}`,
  }
}

function waiting({ delivery: { outbox, pendingRecords }, oldestUnconfirmedAt }: SinkSnapshot): string {
  const ageMs = oldestUnconfirmedAt === undefined ? 0 : Date.now() - oldestUnconfirmedAt
  const age = ageMs > OLD_MS ? `, oldest ${duration(ageMs)}` : ''
  if (outbox) return ` · outbox ${count(outbox.entries)}${age}`
  return pendingRecords > 0 ? ` · ${count(pendingRecords)} waiting${age}` : ''
}

function slowDisk({ outbox }: DeliverySnapshot): string {
  const ms = outbox?.syncMsP50 ?? 0
  return ms > SLOW_SYNC_MS ? ` · slow disk (${ms.toFixed(0)} ms)` : ''
}
