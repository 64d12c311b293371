/**
 * Brings MQTT messages through an outbox into a file, without Node-RED: `node child.ts <Settings as JSON>`. Says on
 * stdout when the outbox is open and whatever is wrong, and ends in order at SIGTERM.
 */
import { writeSync } from 'node:fs'
import path from 'node:path'
import { type Fields, parseFields } from '../../src/config/fields.ts'
import { accepted, released } from '../../src/core/delivery.ts'
import { SinkRunner } from '../../src/core/sink-runner.ts'
import { inFields, sourceFields } from '../../src/mqtt/config.ts'
import { MqttConnection } from '../../src/mqtt/connection.ts'
import { connectionOptions } from '../../src/mqtt/connection-options.ts'
import { ConnectionPool } from '../../src/mqtt/connection-pool.ts'
import { MqttSource } from '../../src/mqtt/mqtt-source.ts'
import { nodeFiles } from '../../src/outbox/files.ts'
import { OutboxRunner } from '../../src/outbox/outbox-runner.ts'
import { sinkFields } from '../../src/sinks/file/config.ts'
import { fileSink } from '../../src/sinks/file/sink.ts'
import { killingFiles, type Strike } from '../outbox/killing-files.ts'

export interface Settings {
  readonly port: number
  readonly clientId: string
  readonly filter: string
  readonly directory: string
  readonly strike?: Strike
  /** Acknowledges before anything is stored: what the test has to notice. */
  readonly early?: boolean
}

const { port, clientId, filter, directory, strike, early } = JSON.parse(process.argv[2]!) as Settings
const tell = (what: string) => writeSync(1, `${what}\n`)
const never = new AbortController().signal
const refuse = (what: string) => {
  throw new Error(what)
}

function configured<F extends Fields>(fields: F, values: { readonly [name: string]: unknown }) {
  const { config, problems } = parseFields(fields, values)
  return config ?? refuse(JSON.stringify(problems))
}

const sinkConfig = configured(sinkFields, { path: 'rows/rows.ndjson', batchRecords: '50', lingerMs: '1 ms' })
const sink = fileSink.create(sinkConfig, {
  directory,
  name: 'child',
  warn: tell,
  connection: () => refuse('no node'),
  jsonSchema: () => undefined,
  rowSchema: () => undefined,
})
const runner = new OutboxRunner(
  new SinkRunner(sink, sinkConfig),
  {
    ...sinkConfig,
    directory: path.join(directory, 'outbox'),
    maxBytes: sinkConfig.outboxMaxBytes,
    maxAgeMs: sinkConfig.outboxMaxAgeMs,
    whenFull: sinkConfig.outboxWhenFull,
    segmentBytes: 4000,
    files: strike ? killingFiles(nodeFiles, strike) : nodeFiles,
  },
  (refused) => refuse(`refused: ${refused[0]!.error.message}`),
)

const broker = configured(sourceFields, { host: '127.0.0.1', port: String(port), clientId, reconnectPeriodMs: '20 ms' })
const connect = () => new MqttConnection(connectionOptions(broker, clientId, directory), () => refuse('unclaimed'))
const pool = new ConnectionPool()
const source = new MqttSource(
  configured(inFields, { source: 'broker', subscriptions: [{ filter, qos: '1', route: '', to: '' }] }),
  () => pool.acquire(clientId, connect),
  {
    batch: ({ records, delivery }) => {
      if (early) delivery.settle(accepted)
      runner.submit(records, ({ status }) => delivery.settle(status === 'stored' ? accepted : released))
    },
    refused: () => refuse('unrouted'),
    changed: () => {},
  },
)

function look(): void {
  const { error, outbox } = runner.snapshot()
  if (error) tell(`wrong: ${error.code} ${error.message}`)
  if (outbox?.damage) tell(`wrong: ${outbox.damage.message}`)
  if (outbox && !isOpen) tell(`open with ${outbox.entries} entries, ${outbox.cutBytes} bytes cut`)
  isOpen ||= outbox !== undefined
}

let isOpen = false
const looking = setInterval(look, 5)
process.once('SIGTERM', async () => {
  clearInterval(looking)
  source.pause()
  await runner.close(8000)
  await source.close()
})
runner.start()
await source.open(never)
