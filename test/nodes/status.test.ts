import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeSink, slowDiskAdvice } from '../../nodes/shared/sink-status.ts'
import type { SinkSnapshot } from '../../nodes/shared/snapshot.ts'
import { failing } from '../../nodes/shared/status.ts'
import { PipelineError } from '../../src/core/errors.ts'

const away = new PipelineError('TARGET_UNREACHABLE', {
  target: 'Kafka at 127.0.0.1:13882',
  problem: 'Connection error: connect ECONNREFUSED 127.0.0.1:13882',
})

test('what stands below a node is the cause and what waits, and no more than there is room for', () => {
  assert.equal(failing(away, ' · outbox 48, oldest 7 s').text, 'not reachable · outbox 48, oldest 7 s')
  assert.equal(failing(away).text, 'not reachable: Connection error: connect…')
  const held = new PipelineError('OUTBOX_FULL', { path: '/outbox', limit: 1 })
  assert.equal(failing(held, ' · outbox 90,000, oldest 3 h').text, 'outbox full · outbox 90,000, oldest 3 h')
  assert.equal(failing(held).text, 'outbox full: readings wait at the broker')
  const problem = 'user name or password is wrong, or this client is not allowed to connect'
  const refused = new PipelineError('BROKER_REFUSED', { broker: '127.0.0.1:1883', problem })
  assert.deepEqual(failing(refused), {
    fill: 'red',
    shape: 'ring',
    text: 'refused: user name or password is wrong…',
  })
})

test('a cause without a colon is kept, up to what nobody would read', () => {
  const missing = new PipelineError('TARGET_MISSING', { target: 'The Kafka topic plant_line1_temperature' })
  assert.equal(
    failing(missing, ' · outbox 1').text,
    'The Kafka topic plant_line1_temperature does not exist · outbox 1',
  )
  const long = new PipelineError('TARGET_MISSING', { target: `The Kafka topic ${'x'.repeat(200)}` })
  assert.equal(failing(long).text?.length, 60)
})

const sink = (delivery: Partial<SinkSnapshot['delivery']>, rest: Partial<SinkSnapshot> = {}) =>
  ({
    delivery: { phase: 'ready', counters: {}, failures: 0, ...delivery },
    rejections: { count: 0 },
    ...rest,
  }) as SinkSnapshot
const outbox = (syncMsP50: number) =>
  ({ entries: 48, dropped: 0, syncMsP50 }) as SinkSnapshot['delivery']['outbox'] & object

test('a sink that fails says how often it was tried in vain, and what waits since when', () => {
  const waiting = { oldestUnconfirmedAt: Date.now() - 7100 }
  const tried = (failures: number) =>
    describeSink(sink({ phase: 'failing', error: away, failures, outbox: outbox(1) }, waiting), 0).text
  assert.equal(tried(12), 'not reachable 12× · outbox 48, oldest 7 s')
  assert.equal(tried(1), 'not reachable · outbox 48, oldest 7 s')
})

test('a red sink keeps the words of the reason, and says how often and for how long only beside a whole one', () => {
  const empty = { phase: 'failing', failures: 5, outbox: { ...outbox(1), entries: 0 } } as const
  const failingFor = (error: PipelineError) =>
    describeSink(sink({ ...empty, error, failingSince: Date.now() - 19_100 }), 0).text
  const unreadable = new PipelineError('CREDENTIALS_UNUSABLE', {
    problem: "ENOENT: no such file or directory, open '/home/pi/.node-red/key.json'",
  })
  assert.equal(failingFor(unreadable), 'no access: ENOENT: no such… · outbox 0')
  const short = new PipelineError('CREDENTIALS_UNUSABLE', { problem: 'no key' })
  assert.equal(failingFor(short), 'no access: no key 5× · for 19 s · outbox 0')
})

test('a slow disk shows in the status, and the log says what helps', () => {
  const fast = sink({ outbox: outbox(4.9) })
  const slow = sink({ outbox: outbox(28.4) })
  assert.deepEqual([describeSink(fast, 10).text, slowDiskAdvice(fast.delivery)], ['10/s · outbox 48', undefined])
  assert.equal(describeSink(slow, 10).text, '10/s · outbox 48 · slow disk (28 ms)')
  assert.match(slowDiskAdvice(slow.delivery)!, /takes 28 ms to store .+ A faster disk .+ window.+ "confirm"/)
})
