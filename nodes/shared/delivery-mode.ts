import path from 'node:path'
import type { ConfigOf } from '../../src/config/fields.ts'
import type { runnerFields } from '../../src/config/sink-fields.ts'
import type { RecordRunner } from '../../src/core/sink-runner.ts'
import { OutboxRunner, type OutboxRunnerSnapshot } from '../../src/outbox/outbox-runner.ts'
import type { RowlineNode } from './register-node.ts'
import type { Rejections } from './rejections.ts'
import type { Rowline } from './rowline.ts'
import { count } from './status.ts'

export type DeliveryConfig = ConfigOf<ReturnType<typeof runnerFields>>

/** What a sink's node may say about its runner, in either mode. */
export type DeliverySnapshot = ReturnType<RecordRunner['snapshot']> & Partial<Pick<OutboxRunnerSnapshot, 'outbox'>>

/** `confirm` is the sink's runner itself; `outbox` puts the disk in front of it. */
export function inDeliveryMode(
  runner: RecordRunner,
  config: DeliveryConfig,
  { node, rowline, rejections }: { node: RowlineNode; rowline: Rowline; rejections: Rejections },
): RecordRunner {
  if (config.delivery === 'confirm') return runner
  const { outboxPath } = config
  const directory = outboxPath === '' ? rowline.pathOf('outbox', node) : path.resolve(rowline.directory, outboxPath)
  const options = {
    ...config,
    directory,
    maxBytes: config.outboxMaxBytes,
    maxAgeMs: config.outboxMaxAgeMs,
    whenFull: config.outboxWhenFull,
    onDropped: (entries: number) =>
      node.warn(`${count(entries)} readings were deleted unsent: the outbox ${directory} is full`),
  }
  return new OutboxRunner(runner, options, (refused, then) => rejections.rejectLate(refused, then))
}

/** A node that is removed leaves its outbox where it is. */
export function warnOfRest(node: RowlineNode, { outbox }: DeliverySnapshot): void {
  if (!outbox?.entries) return
  node.warn(
    `${count(outbox.entries)} readings of the removed node still wait in its outbox. The files stay in ` +
      `${outbox.directory}; a sink with that outbox folder forwards them.`,
  )
}
