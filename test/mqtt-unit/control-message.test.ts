import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { nameOf, readControl } from '../../src/mqtt/control-message.ts'
import { StoredRows } from '../../src/mqtt/stored-rows.ts'

const directory = mkdtempSync(join(tmpdir(), 'rowline-control-'))
after(() => rmSync(directory, { recursive: true }))

const rowsOf = (topic: unknown) => {
  const control = readControl({ action: 'subscribe', topic })
  return control.action === 'subscribe' ? control.rows.map(nameOf) : []
}

test('a subscription is named by a filter, an object or a list of both', () => {
  assert.deepEqual(rowsOf('a/#'), [{ topic: 'a/#', qos: 1 }])
  const full = { topic: '$share/g/b/+', qos: 2, route: 'r', to: 'x_{topic}', partitions: 3 } as const
  assert.deepEqual(rowsOf(full), [full])
  assert.deepEqual(rowsOf(['a', { topic: 'b', qos: '0' }]), [
    { topic: 'a', qos: 1 },
    { topic: 'b', qos: 0 },
  ])
  assert.deepEqual(readControl({ action: 'unsubscribe', topic: ['a', { topic: 'b', qos: 2 }] }), {
    action: 'unsubscribe',
    filters: ['a', 'b'],
  })
  assert.deepEqual(readControl({ action: 'unsubscribe', topic: true }), { action: 'unsubscribe', filters: undefined })
  for (const action of ['connect', 'disconnect', 'getSubscriptions'] as const)
    assert.deepEqual(readControl({ action }), { action })
})

test('what cannot be done is refused as a whole, with the reason', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{}, /msg\.action must be one of connect, disconnect/],
    [{ action: 'toString' }, /msg\.action/],
    [{ action: 'subscribe' }, /msg\.topic must be a topic filter/],
    [{ action: 'subscribe', topic: [] }, /names no subscription/],
    [{ action: 'subscribe', topic: ['a', null] }, /msg\.topic must be/],
    [{ action: 'subscribe', topic: '' }, /Topic filter is required/],
    [{ action: 'subscribe', topic: ['fine', 'a/#/b'] }, /"a\/#\/b": Topic filter may have # only as its last level/],
    [{ action: 'subscribe', topic: { topic: 'a', qos: 3 } }, /"a": QoS must be one of 0, 1, 2/],
    [{ action: 'subscribe', topic: { topic: 'a', to: '{nonsense}' } }, /"a": Target .*nonsense/],
    [{ action: 'subscribe', topic: { topic: 'a', partitions: 0 } }, /"a": Partitions must be/],
    [{ action: 'subscribe', topic: { topic: 'a', rh: 1 } }, /no "rh"/],
    [{ action: 'subscribe', topic: { topic: 'a', filter: 'b' } }, /no "filter"/],
    [{ action: 'unsubscribe', topic: 'a+' }, /must stand alone/],
    [{ action: 'connect', broker: { url: 'mqtt://x' } }, /msg\.broker is not taken/],
  ]
  for (const [message, expected] of wrong)
    assert.throws(
      () => readControl({ ...message }),
      (error) => error instanceof PipelineError && error.code === 'CONTROL_INVALID' && expected.test(error.message),
      JSON.stringify(message),
    )
})

test('stored subscriptions are read as they were written; a file that cannot be read is no empty one', () => {
  const file = join(directory, 'deep', 'rows')
  const stored = new StoredRows(file)
  assert.deepEqual([stored.read(), stored.remove()], [[], false])
  const control = readControl({ action: 'subscribe', topic: ['a', { topic: 'b', qos: 2, partitions: 4, route: 'r' }] })
  const rows = control.action === 'subscribe' ? control.rows : []
  stored.write(rows)
  assert.deepEqual(new StoredRows(file).read(), rows)
  for (const broken of ['', '[{"topic":"a"', '[{"topic":"a/#/b"}]', '[7]', '{}']) {
    writeFileSync(file, broken)
    assert.throws(() => stored.read(), { code: 'SUBSCRIPTIONS_UNREADABLE' }, broken)
  }
  assert.equal(stored.remove(), true)
  const nowhere = new StoredRows('/dev/null/rows')
  assert.throws(() => nowhere.write(rows), { code: 'FILE_FAILED' })
  assert.throws(() => nowhere.read(), { code: 'SUBSCRIPTIONS_UNREADABLE' })
})
