import path from 'node:path'
import type { ConfigOf } from '../../src/config/fields.ts'
import type { runnerFields } from '../../src/config/sink-fields.ts'
import type { RecordRunner } from '../../src/core/sink-runner.ts'
import { DrainFirst, isOutbox } from '../../src/outbox/drain-first.ts'
import { OutboxRunner, type OutboxRunnerSnapshot } from '../../src/outbox/outbox-runner.ts'
import { BurstSum } from './burst-sum.ts'
import type { RowlineNode } from './register-node.ts'
import type { Rejections } from './rejections.ts'
import type { LeftOutbox, Rowline } from './rowline.ts'
import { count } from './status.ts'

export type DeliveryConfig = ConfigOf<ReturnType<typeof runnerFields>>

/** What a sink's node may say about its runner, in either mode. */
export type DeliverySnapshot = ReturnType<RecordRunner['snapshot']> & Partial<Pick<OutboxRunnerSnapshot, 'outbox'>>

/**
 * `confirm` is the sink's runner itself, once it has forwarded what the node's outbox still holds; `outbox` puts the
 * disk in front of it.
 */
export function inDeliveryMode(
  runner: RecordRunner,
  config: DeliveryConfig,
  { node, rowline, rejections }: { node: RowlineNode; rowline: Rowline; rejections: Rejections },
): RecordRunner {
  const directory = outboxOf(node, config, rowline)
  rowline.outboxFolders.add(directory)
  const left = rowline.leftOutboxes.get(node.id)
  rowline.leftOutboxes.delete(node.id)
  if (left && left.directory !== directory) node.warn(restText(left, 'this node, before it was changed,'))
  if (config.delivery === 'confirm' && !isOutbox(directory)) return runner
  const dropped = new BurstSum((entries) =>
    node.warn(`${count(entries)} readings were deleted unsent: the outbox ${directory} is full`),
  )
  node.on('close', () => dropped.flush())
  const options = {
    ...config,
    directory,
    budget: rowline.memory,
    maxBytes: config.outboxMaxBytes,
    maxAgeMs: config.outboxMaxAgeMs,
    whenFull: config.outboxWhenFull,
    onDropped: (entries: number) => dropped.add(entries),
  }
  const outboxOver = (target: RecordRunner) =>
    new OutboxRunner(target, options, (refused, then) => rejections.rejectLate(refused, then))
  return config.delivery === 'confirm' ? new DrainFirst(runner, outboxOver) : outboxOver(runner)
}

export const outboxOf = (node: RowlineNode, { outboxPath }: DeliveryConfig, rowline: Rowline): string =>
  outboxPath === '' ? rowline.pathOf('outbox', node) : path.resolve(rowline.directory, outboxPath)

/** A node that is removed, or is deployed with another outbox, leaves its files where they are. */
export function noteRest(
  node: RowlineNode,
  { leftOutboxes }: Rowline,
  { outbox }: DeliverySnapshot,
  removed: boolean,
): void {
  if (!outbox?.entries) return
  if (removed) node.warn(restText(outbox, 'the removed node'))
  else leftOutboxes.set(node.id, outbox)
}

const restText = ({ entries, directory }: LeftOutbox, whose: string) =>
  `${count(entries)} readings of ${whose} still wait in its outbox. The files stay in ${directory}; ` +
  'a sink with that outbox folder forwards them.'
