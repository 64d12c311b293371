import path from 'node:path'
import type { NodeAPI } from 'node-red'
import type { NodeDeclaration } from '../../src/config/declaration.ts'
import type { ConfigOf, Fields } from '../../src/config/fields.ts'
import type { runnerFields } from '../../src/config/sink-fields.ts'
import { toPipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import {
  type RecordRunner,
  type RunnerOptions,
  type RunnerSnapshot,
  type Settled,
  SinkRunner,
} from '../../src/core/sink-runner.ts'
import { OutboxRunner, type OutboxRunnerSnapshot } from '../../src/outbox/outbox-runner.ts'
import type { SinkDefinition } from '../../src/sinks/definition.ts'
import type { Rejected } from './dead-letters.ts'
import { type FlowMessage, SHARED } from './handle.ts'
import { isBatch, recordsOf } from './messages.ts'
import { configOf, type RowlineNode, registerNode } from './register-node.ts'
import { Rejections } from './rejections.ts'
import type { Rowline } from './rowline.ts'
import { describeSink } from './sink-status.ts'
import { count, FailureLog, StatusLine } from './status.ts'

/** Node-RED waits 15 s for a node to close. */
const CLOSE_MS = 8000

/** Makes a node type of a sink. Everything that is not the target's own is here and in the runner. */
export function registerSink<F extends Fields, Request>(
  RED: NodeAPI,
  declaration: NodeDeclaration<F>,
  sink: SinkDefinition<F, Request>,
): void {
  registerNode(RED, declaration, (node, config, rowline) => {
    const context = {
      directory: rowline.directory,
      name: rowline.clientId(node),
      connection: <C>(field: string) =>
        configOf<C>(RED, (config as { readonly [field: string]: unknown })[field] as string),
      warn: (message: string) => node.warn(message),
    }
    const rejections = new Rejections(node, rowline)
    const runner = new SinkRunner(sink.create(config, context), config as ConfigOf<F> & RunnerOptions)
    const delivery = deliveryOf(node, config as ConfigOf<F> & DeliveryConfig, rowline)
    attach(node, rowline, delivery(runner, rejections), rejections)
  })
}

type DeliveryConfig = RunnerOptions & ConfigOf<ReturnType<typeof runnerFields>>

/** `confirm` is the runner itself; `outbox` puts the disk in front of it. */
function deliveryOf(
  node: RowlineNode,
  config: DeliveryConfig,
  rowline: Rowline,
): (runner: RecordRunner, rejections: Rejections) => RecordRunner | OutboxRunner {
  if (config.delivery === 'confirm') return (runner) => runner
  const directory =
    config.outboxPath === '' ? rowline.pathOf('outbox', node) : path.resolve(rowline.directory, config.outboxPath)
  const options = {
    ...config,
    directory,
    maxBytes: config.outboxMaxBytes,
    maxAgeMs: config.outboxMaxAgeMs,
    whenFull: config.outboxWhenFull,
    onDropped: (entries: number) =>
      node.warn(`${count(entries)} readings were deleted unsent: the outbox ${directory} is full`),
  }
  return (runner, rejections) =>
    new OutboxRunner(runner, options, (refused, then) => rejections.rejectLate(refused, then))
}

function attach(node: RowlineNode, rowline: Rowline, runner: RecordRunner, rejections: Rejections): void {
  const failures = new FailureLog(node)
  rowline.tracker.acquire()
  const stop = rowline.onRunning(() => runner.start())
  const status = new StatusLine(node, (rate) => {
    const snapshot = runner.snapshot()
    failures.note(snapshot.error, 'Writing again')
    return describeSink(snapshot, rate(snapshot.confirmed), rejections.count)
  })
  node.on('input', (message, send, done) => {
    const flowMessage = message as FlowMessage
    const sendAny = send as (messages: unknown) => void
    let records: readonly Record[]
    try {
      records = recordsOf(flowMessage)
    } catch (error) {
      const rejected = [{ record: unreadable(flowMessage), error: toPipelineError(error) }]
      rejections.reject(rejected, flowMessage, sendAny, done)
      return
    }
    runner.submit(records, (settled) =>
      settle(node, rejections, { message: flowMessage, records, settled }, sendAny, done),
    )
  })
  node.on('close', (removed: boolean, done: () => void) => {
    stop()
    status.close()
    if (removed) warnOfRest(node, runner.snapshot())
    void runner
      .close(CLOSE_MS)
      .then(() => rejections.close())
      .finally(() => {
        rowline.tracker.release()
        node.stuck = true
        done()
      })
  })
}

function warnOfRest(
  node: RowlineNode,
  { outbox }: OutboxRunnerSnapshot | (RunnerSnapshot & { outbox?: undefined }),
): void {
  if (!outbox?.entries) return
  node.warn(
    `${count(outbox.entries)} readings of the removed node still wait in its outbox. The files are kept in ` +
      `${outbox.directory}: a sink with that outbox folder forwards them.`,
  )
}

/** A released message is not done: its delivery is found at this node, and handed over again, when the flow is replaced. */
function settle(
  node: RowlineNode,
  rejections: Rejections,
  { message, records, settled }: { message: FlowMessage; records: readonly Record[]; settled: Settled },
  send: (messages: unknown) => void,
  done: () => void,
): void {
  if (settled.status === 'released') return
  if (settled.status === 'stored') {
    if (isOutputWired(node)) send({ payload: { count: settled.ids.length, ids: settled.ids } })
    done()
    return
  }
  const refused = new Set(settled.rejected.map(({ index }) => index))
  if (isOutputWired(node) && refused.size < records.length) send(confirmed(message, refused))
  const rejected: Rejected[] = settled.rejected.map(({ index, error }) => ({ record: records[index]!, error }))
  rejections.reject(rejected, message, send, done)
}

function isOutputWired(node: RowlineNode): boolean {
  return ((node as { wires?: readonly (readonly string[])[] }).wires?.[0]?.length ?? 0) > 0
}

/** The message again, without the records that were refused. */
function confirmed(message: FlowMessage, refused: ReadonlySet<number>): FlowMessage {
  if (refused.size === 0 || !isBatch(message)) return message
  return { ...message, payload: message.payload.filter((_, i) => !refused.has(i)) }
}

/** A list that holds something else than readings: kept as the one value that it is. */
function unreadable(message: FlowMessage): Record {
  const { [SHARED]: _, ...rest } = message
  return recordsOf({ ...rest, topic: '' })[0]!
}
