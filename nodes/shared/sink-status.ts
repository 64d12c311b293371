import type { NodeStatus } from 'node-red'
import type { DeliverySnapshot } from './delivery-mode.ts'
import type { SinkSnapshot } from './snapshot.ts'
import { count, duration, failing } from './status.ts'

/** Above this the disk limits the rate (DESIGN 4.5). */
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
    return failing(error, rest, tries(delivery) + since)
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

/** `not reachable 12×` */
const tries = ({ failures }: DeliverySnapshot): string => (failures > 1 ? ` ${count(failures)}×` : '')

function slowDisk(delivery: DeliverySnapshot): string {
  const ms = slowSyncMs(delivery)
  return ms === undefined ? '' : ` · slow disk (${ms.toFixed(0)} ms)`
}

/** What to do about a disk that limits the rate; undefined where it does not. */
export function slowDiskAdvice(delivery: DeliverySnapshot): string | undefined {
  const ms = slowSyncMs(delivery)
  if (ms === undefined) return undefined
  return `The disk of the outbox takes ${ms.toFixed(0)} ms to store (fsync): readings are safe, but no more than one window of the source is stored in that time. A faster disk helps (an SSD instead of an SD card), or a larger window, or Delivery "confirm" where the target answers faster than the disk.`
}

function slowSyncMs({ outbox }: DeliverySnapshot): number | undefined {
  const ms = outbox?.syncMsP50 ?? 0
  return ms > SLOW_SYNC_MS ? ms : undefined
}
