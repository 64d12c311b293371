import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeAPI } from 'node-red'
import { declarations } from '../../nodes/declarations.ts'
import { healthPath, serveNumbers } from '../../nodes/shared/endpoints.ts'
import { remarksOf } from '../../nodes/shared/health.ts'
import type { Measured } from '../../nodes/shared/metrics.ts'
import { openReason } from '../../nodes/shared/red-reason.ts'
import { parseFields } from '../../src/config/fields.ts'
import { settingsFields } from '../../src/config/settings.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { freePort, until } from '../services/processes.ts'

const nothing: Measured = {
  snapshot: { memory: { heldBytes: 0, maxBytes: 1 }, lateCompletions: 0, lateSenders: [], nodes: [] },
  tallies: [],
  gauges: [],
  labelsOf: () => undefined,
  maxUnconfirmedAgeMs: 1000,
  red: [],
}

/** Which of two addresses of this machine answer. */
async function listening(uiHost: string, metricsHost: string): Promise<readonly string[]> {
  const metricsPort = await freePort()
  const settings = parseFields(settingsFields, { metricsPort, metricsHost }).config!
  const errors: unknown[] = []
  const RED = { settings: { uiHost }, log: { error: (text: unknown) => errors.push(text) } } as unknown as NodeAPI
  serveNumbers(RED, settings, () => nothing)
  const answers = async (host: string) =>
    fetch(`http://${host}:${metricsPort}${healthPath}`).then(
      ({ status }) => status === 200,
      () => false,
    )
  const hosts = ['127.0.0.1', '127.0.0.2']
  let found: readonly boolean[] = []
  const ask = async () => {
    found = await Promise.all(hosts.map(answers))
    return found.includes(true)
  }
  await until(ask, { what: 'an answer' })
  assert.deepEqual(errors, [])
  return hosts.filter((_, i) => found[i])
}

test('the port of the metrics is open where Node-RED is, or where its own setting says', async () => {
  assert.deepEqual(await listening('127.0.0.2', ''), ['127.0.0.2'])
  assert.deepEqual(await listening('127.0.0.2', '127.0.0.1'), ['127.0.0.1'])
  assert.deepEqual(await listening('127.0.0.1', '0.0.0.0'), ['127.0.0.1', '127.0.0.2'])
})

test('health remarks at once what is no outage yet, by codes alone', () => {
  const error = new PipelineError('TARGET_MISSING', { target: 'The Kafka topic secret-topic' })
  const named = (id: string) => ({ id, type: 't', name: '', rejections: { count: 0, error: undefined, last: [] } })
  const source = (id: string, connection: object) => ({ ...named(id), kind: 'source', connection })
  const nodes = [
    source('away', { phase: 'waiting', error: new PipelineError('BROKER_UNREACHABLE', { broker: 'b', problem: 'p' }) }),
    source('new', { phase: 'connecting', error: undefined }),
    source('there', { phase: 'connected', error: undefined }),
    source('off', { phase: 'stopped', error: undefined }),
    { ...named('sink'), kind: 'sink', delivery: { error } },
    { ...named('well'), kind: 'sink', delivery: { error: undefined } },
    { ...named('decoder'), kind: 'decoder', rejections: { count: 1, error, last: [] } },
  ]
  const snapshot = { ...nothing.snapshot, nodes } as unknown as Measured['snapshot']
  assert.deepEqual(
    remarksOf(snapshot).map(({ id, problem }) => `${id} ${problem}`),
    [
      'away failing: BROKER_UNREACHABLE',
      'new not connected',
      'sink failing: TARGET_MISSING',
      'decoder failing: TARGET_MISSING',
    ],
  )
})

test('of a red node health says the label of the field or the code of the error, and nothing of a path or a value', () => {
  const reason = (problem: string, code?: string) => openReason(problem, code, declarations)
  const file = new PipelineError('FILE_FAILED', { path: '/home/pi/.node-red/rowline/instance', problem: 'EACCES: x' })
  assert.equal(reason(file.message, file.code), 'failing: FILE_FAILED')
  const unreadable = new PipelineError('SUBSCRIPTIONS_UNREADABLE', { path: '/home/pi/secret', problem: 'p' })
  assert.equal(reason(unreadable.message, unreadable.code), 'failing: SUBSCRIPTIONS_UNREADABLE')
  const gate = new PipelineError('CONFIG_INVALID', { field: 'Environment', problem: '"secret" stands in no list' })
  assert.equal(reason(gate.message, gate.code), 'wrong configuration: Environment')
  assert.equal(reason('Batch records: must be a whole number'), 'wrong configuration: Batch records')
  assert.equal(reason('source required'), 'wrong configuration: source required')
  assert.equal(reason('Routes, row 2 (secret: route): is not configured'), 'wrong configuration: Routes, row 2')
  assert.equal(
    reason('made by a newer version of this package: update the package'),
    'wrong configuration: made by a newer version of this package',
  )
  assert.equal(reason('/home/pi/secret cannot be read'), 'wrong configuration')
})
