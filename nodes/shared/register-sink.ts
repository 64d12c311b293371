import type { Node, NodeAPI } from 'node-red'
import type { NodeDeclaration } from '../../src/config/declaration.ts'
import { environmentGate } from '../../src/config/environment-gate.ts'
import type { ConfigOf, Fields } from '../../src/config/fields.ts'
import { PipelineError, toPipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import { type RecordRunner, type Settled, SinkRunner } from '../../src/core/sink-runner.ts'
import type { SourceConfig } from '../../src/mqtt/config.ts'
import { type RowSchemaConfig, schemaOf } from '../../src/rows/config.ts'
import { jsonSchemaOf } from '../../src/rows/to-json-schema.ts'
import type { SinkDefinition } from '../../src/sinks/definition.ts'
import type { Rejected } from './dead-letters.ts'
import { type DeliveryConfig, type DeliverySnapshot, inDeliveryMode, noteRest, outboxOf } from './delivery-mode.ts'
import { DryRun } from './dry-run.ts'
import type { FlowMessage } from './handle.ts'
import { recordsOf, unreadable, withoutRecords } from './messages.ts'
import { createPublisher } from './mqtt-connections.ts'
import { ReadingLog } from './reading-log.ts'
import { configOf, onClose, type RowlineNode, registerNode } from './register-node.ts'
import { Rejections } from './rejections.ts'
import { type Rowline, rowlineOf } from './rowline.ts'
import { describeSink, slowDiskAdvice } from './sink-status.ts'
import { nodeSnapshot, oldestUnconfirmedAt, type SinkSnapshot } from './snapshot.ts'
import { count, FailureLog, StatusLine } from './status.ts'

/** Node-RED waits 15 s for a node to close. */
const CLOSE_MS = 8000

/** Makes a node type of a sink. Everything that is not the target's own is here and in the runner. */
export function registerSink<F extends Fields, Request>(
  RED: NodeAPI,
  declaration: NodeDeclaration<F>,
  sink: SinkDefinition<F, Request>,
): void {
  rowlineOf(RED).sinks.set(declaration.type, sink as unknown as SinkDefinition)
  registerNode(RED, declaration, (node, config, rowline) => {
    const reference = (field: string) => (config as { readonly [field: string]: unknown })[field] as string
    const rowSchema = (field: string) =>
      reference(field) === '' ? undefined : schemaOf(configOf<RowSchemaConfig>(RED, reference(field)))
    const settings = config as ConfigOf<F> & DeliveryConfig
    const context = {
      directory: rowline.directory,
      outbox: outboxOf(node, settings, rowline),
      name: rowline.clientId(node),
      connection: <C>(field: string) => configOf<C>(RED, reference(field)),
      jsonSchema: (field: string) => {
        const schema = rowSchema(field)
        return schema && jsonSchemaOf(schema)
      },
      rowSchema,
      publisher: (field: string) => {
        const source = RED.nodes.getNode(reference(field)) as Node
        return createPublisher(rowline, source, configOf<SourceConfig>(RED, source.id))
      },
      said: rowline.saidBy(node),
      warn: (message: string) => node.warn(message),
    }
    const isDryRun = readGate(settings) === 'dry-run'
    const rejections = new Rejections(node, rowline)
    const target = sink.create(config, context)
    const write = () => {
      const runner = new SinkRunner(target, settings, rowline.memory, rowline.tallyOf(node))
      return inDeliveryMode(runner, settings, { node, rowline, rejections })
    }
    const runner = isDryRun ? new DryRun(target, (line) => node.log(line)) : write()
    const log = new ReadingLog(node, settings.logLevel)
    attach(node, rowline, runner, { rejections, log, dryRunIn: isDryRun ? settings.environment : undefined })
  })
}

function readGate(settings: DeliveryConfig): 'write' | 'dry-run' {
  const gate = environmentGate(settings)
  if (typeof gate === 'string') return gate
  throw new PipelineError('CONFIG_INVALID', { field: 'Environment', problem: gate.problem })
}

interface Attached {
  readonly rejections: Rejections
  readonly log: ReadingLog
  /** The environment in which nothing is written. */
  readonly dryRunIn: string | undefined
}

function attach(
  node: RowlineNode,
  rowline: Rowline,
  runner: RecordRunner,
  { rejections, log, dryRunIn }: Attached,
): void {
  rowline.tracker.acquire()
  const stop = rowline.onRunning(() => runner.start())
  const failures = new FailureLog(node)
  // Damage is found file by file, while the outbox is read.
  const damages = new FailureLog(node, ({ message }) => message)
  const snapshot = (): SinkSnapshot => {
    const delivery: DeliverySnapshot = runner.snapshot()
    const oldest = oldestUnconfirmedAt(delivery)
    return { ...nodeSnapshot(node, rejections), kind: 'sink', delivery, dryRunIn, oldestUnconfirmedAt: oldest }
  }
  const unwatch = rowline.watch(snapshot)
  let advice: string | undefined
  const status = new StatusLine(node, (rate) => {
    const now = snapshot()
    damages.note(now.delivery.outbox?.damage, '')
    failures.note(now.delivery.error ?? now.rejections.error, `Writing again${backlogText(now)}`)
    if (advice === undefined) {
      advice = slowDiskAdvice(now.delivery)
      if (advice !== undefined) node.log(advice)
    }
    return describeSink(now, rate(now.delivery.confirmed))
  })
  node.on('input', (message, send, done) => {
    const flowMessage = message as FlowMessage
    const sendAny = send as (messages: unknown) => void
    let records: readonly Record[]
    try {
      records = recordsOf(flowMessage)
    } catch (error) {
      const rejected = unreadable(flowMessage).map((record) => ({ record, error: toPipelineError(error) }))
      rejections.reject(rejected, flowMessage, sendAny, done)
      return
    }
    runner.submit(records, (settled) => {
      if (log.isOn) log.note(records, outcomesOf(settled, dryRunIn === undefined ? 'written' : 'not written (dry run)'))
      settle(node, rejections, { message: flowMessage, records, settled }, sendAny, done)
    })
  })
  onClose(node, async (removed) => {
    stop()
    unwatch()
    status.close()
    try {
      await runner.close(CLOSE_MS)
      noteRest(node, rowline, runner.snapshot(), removed)
      await rejections.close()
    } finally {
      rowline.tracker.release()
      node.stuck = true
    }
  })
}

function backlogText({ delivery: { outbox } }: SinkSnapshot): string {
  return outbox?.entries ? `; ${count(outbox.entries)} readings wait in the outbox` : ''
}

/** What has become of each of the readings, for the log. */
function outcomesOf(settled: Settled, written: string): (index: number) => string {
  if (settled.status === 'stored') return () => 'in the outbox'
  if (settled.status === 'released') return () => 'not written: the node was closed'
  const refused = new Map(settled.rejected.map(({ index, error }) => [index, `rejected (${error.code})`]))
  return (index) => refused.get(index) ?? written
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
    if (isOutputWired(node)) send({ payload: receipt(settled.ids()) })
    done()
    return
  }
  if (isOutputWired(node) && settled.rejected.length < records.length) {
    const refused = new Set(settled.rejected.map(({ index }) => index))
    send(withoutRecords(message, refused))
  }
  const rejected: Rejected[] = settled.rejected.map(({ index, error }) => ({ record: records[index]!, error }))
  rejections.reject(rejected, message, send, done)
}

const receipt = (ids: readonly string[]) => ({ count: ids.length, ids })

function isOutputWired(node: RowlineNode): boolean {
  return ((node as { wires?: readonly (readonly string[])[] }).wires?.[0]?.length ?? 0) > 0
}
