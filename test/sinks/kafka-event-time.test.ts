import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Payload } from '../../src/core/record.ts'
import { sinkFields } from '../../src/sinks/kafka/config.ts'
import { EventTimes } from '../../src/sinks/kafka/event-time.ts'
import { createRequestBuilder } from '../../src/sinks/kafka/request.ts'
import { reading } from '../contract/sink-harness.ts'
import { parsed } from './kafka-harness.ts'

const receivedAt = Date.now()
const hour = 3_600_000

const requestOf = (timestampAttribute: string, payload: Payload) =>
  createRequestBuilder(parsed(sinkFields, { cluster: 'c', timestampAttribute, includeMetadata: false }))(
    reading(1, { payload, receivedAt }),
  ).request

const settings = (values: { readonly [name: string]: string | number } = {}) =>
  new Map(
    Object.entries({ 'cleanup.policy': 'delete', 'retention.ms': 24 * hour, ...values }).map(([k, v]) => [k, `${v}`]),
  )

/** What becomes of a record whose row claims a time. */
async function placed(payload: Payload, topicSettings: ReadonlyMap<string, string> | undefined, attribute = 'ts') {
  const request = requestOf(attribute, payload)
  const times = new EventTimes(async () => topicSettings)
  await times.apply([request])
  await times.apply([request])
  return { timestamp: request.timestamp, original: request.headers['rowline.timestamp'], replaced: times.replaced }
}

const kept = (timestamp: number) => ({ timestamp, original: undefined, replaced: 0 })
const received = (original: string | undefined) => ({ timestamp: receivedAt, original, replaced: 1 })

describe('the time column of a record', () => {
  it('is its timestamp, as a number or as RFC 3339, also inside a sub-row', async () => {
    const ms = receivedAt - hour
    assert.deepEqual(await placed({ ts: ms }, settings()), kept(ms))
    assert.deepEqual(await placed({ ts: new Date(ms).toISOString() }, settings()), kept(ms))
    assert.deepEqual(await placed({ meta: { ts: ms } }, settings(), 'meta.ts'), kept(ms))
    assert.deepEqual(await placed({ 'meta.ts': ms }, settings(), 'meta.ts'), kept(ms))
  })

  it('is left for the time of receipt when it is older than the topic keeps records, or more than an hour ahead', async () => {
    const old = receivedAt - 25 * hour
    const ahead = receivedAt + 2 * hour
    assert.deepEqual(await placed({ ts: old }, settings()), received(String(old)))
    assert.deepEqual(await placed({ ts: ahead }, settings()), received(String(ahead)))
    assert.deepEqual(await placed({ ts: old }, settings({ 'retention.ms': 26 * hour })), kept(old))
    assert.deepEqual(await placed({ ts: 0 }, settings({ 'retention.ms': -1 })), kept(0))
    assert.deepEqual(await placed({ ts: old }, settings({ 'cleanup.policy': 'compact' })), kept(old))
    assert.deepEqual(await placed({ ts: receivedAt + hour / 2 }, settings()), kept(receivedAt + hour / 2))
  })

  it('heeds what the topic says of times it refuses', async () => {
    const [early, late] = [receivedAt - 2 * hour, receivedAt + hour / 2]
    assert.deepEqual(
      await placed({ ts: early }, settings({ 'message.timestamp.before.max.ms': hour })),
      received(`${early}`),
    )
    assert.deepEqual(
      await placed({ ts: late }, settings({ 'message.timestamp.after.max.ms': 60_000 })),
      received(`${late}`),
    )
  })

  it('is measured against seven days where the settings of the topic may not be read', async () => {
    const [six, eight] = [6, 8].map((days) => receivedAt - days * 24 * hour) as [number, number]
    assert.deepEqual(await placed({ ts: six }, undefined), kept(six))
    assert.deepEqual(await placed({ ts: eight }, undefined), received(String(eight)))
  })

  it('counts as replaced when it is missing or no time; its text is kept', async () => {
    assert.deepEqual(await placed({ ts: 'yesterday' }, settings()), received('yesterday'))
    assert.deepEqual(await placed({ ts: null }, settings()), received(undefined))
    assert.deepEqual(await placed({ other: 1 }, settings()), received(undefined))
    assert.deepEqual(await placed({ ts: { deep: 1 } }, settings()), received(undefined))
    assert.deepEqual(await placed({ ts: 1 }, settings(), 'constructor'), received(undefined))
    assert.equal((await placed({ ts: 'x'.repeat(5000) }, settings())).original?.length, 100)
  })

  it('means nothing for a payload that is no row, and without an attribute', async () => {
    const ms = receivedAt - hour
    for (const payload of [Buffer.from(`{"ts":${ms}}`), 'text', 5, null, [ms]])
      assert.deepEqual(await placed(payload, settings()), kept(receivedAt))
    assert.deepEqual(await placed({ ts: ms }, settings(), ''), kept(receivedAt))
  })

  it('asks for the settings of a topic once, and again when they may have changed', async () => {
    let asked = 0
    const times = new EventTimes(async () => {
      asked++
      return settings()
    })
    const requests = () => [requestOf('ts', { ts: receivedAt }), requestOf('ts', { ts: receivedAt })]
    await times.apply(requests())
    await times.apply(requests())
    assert.equal(asked, 1)
    times.forget()
    await times.apply(requests())
    assert.equal(asked, 2)
  })

  it('counts the header that may come to it as part of the record', () => {
    const prepare = (timestampAttribute: string) =>
      createRequestBuilder(parsed(sinkFields, { cluster: 'c', timestampAttribute }))(reading(1, { payload: { ts: 1 } }))
    assert.ok(prepare('ts').bytes >= prepare('').bytes + 'rowline.timestamp'.length + 1)
  })
})
