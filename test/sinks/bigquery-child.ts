/**
 * Brings numbered records through an outbox into BigQuery: `node bigquery-child.ts <Settings as JSON>`. Says on stdout
 * which ids are stored in the outbox and which are refused, and when the outbox is empty.
 */
import { appendFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { SinkRunner } from '../../src/core/sink-runner.ts'
import { OutboxRunner } from '../../src/outbox/outbox-runner.ts'
import { sinkFields } from '../../src/sinks/bigquery/config.ts'
import { bigquerySink } from '../../src/sinks/bigquery/sink.ts'
import { reading } from '../contract/sink-harness.ts'
import { bigqueryContext, type Emulated } from './bigquery-harness.ts'
import { parsed } from './kafka-harness.ts'

export interface Settings {
  readonly at: Emulated
  readonly directory: string
  /** Raw. */
  readonly sink: { readonly [option: string]: unknown }
  readonly schema: string
  /** How many records are submitted, ten each few milliseconds. */
  readonly count: number
  /** The number of the first. */
  readonly from: number
}

const { at, directory, sink, schema, count, from } = JSON.parse(process.argv[2]!) as Settings
const tell = (what: string) => writeSync(1, `${what}\n`)
const config = parsed(sinkFields, { cloud: 'c', schema: 's', ...sink })
const target = bigquerySink.create(
  config,
  bigqueryContext({ at, schema, directory, warn: (text) => tell(`warned ${text}`) }),
)
const options = {
  ...config,
  directory: join(directory, 'outbox'),
  maxBytes: config.outboxMaxBytes,
  maxAgeMs: config.outboxMaxAgeMs,
  whenFull: config.outboxWhenFull,
}
const runner = new OutboxRunner(new SinkRunner(target, config), options, (refused, then) => {
  for (const { record, error } of refused)
    appendFileSync(join(directory, 'refused'), `${record.id} ${error.code}\n`, { flush: true })
  then()
})
runner.start()
let submitted = 0
const submitting = setInterval(() => {
  const size = Math.min(10, count - submitted)
  if (size === 0) return clearInterval(submitting)
  const records = Array.from({ length: size }, (_, i) => reading(0, { payload: { n: from + submitted + i } }))
  submitted += size
  runner.submit(records, (settled) => {
    if (settled.status === 'stored') tell(`stored ${settled.ids().join(' ')}`)
  })
}, 3)
let wrong = ''
setInterval(() => {
  const { outbox, error } = runner.snapshot()
  if (error && error.message !== wrong) tell(`wrong ${error.code} ${error.message}`)
  wrong = error?.message ?? ''
  if (outbox?.entries === 0 && submitted === count) tell('empty')
}, 20)
