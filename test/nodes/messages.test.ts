import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { recordsOf } from '../../nodes/shared/messages.ts'

const recordOf = (properties: object) => recordsOf({ topic: 't', payload: 'x', ...properties })[0]!

describe('the record of a message', () => {
  it('has the time now where the flow has put something else than whole milliseconds into msg.receivedAt', () => {
    for (const receivedAt of [1795276491.5, Number.NaN, Number.POSITIVE_INFINITY, 1e20, -1, '7', null]) {
      const before = Date.now()
      const { receivedAt: time } = recordOf({ receivedAt })
      assert.ok(time >= before && time <= Date.now(), String(receivedAt))
    }
    assert.equal(recordOf({ receivedAt: 7 }).receivedAt, 7)
  })

  it('has no partitions where msg.partitions is no number of them', () => {
    for (const partitions of [0.5, 0, -1, Number.NaN, 5e9, '3'])
      assert.equal(recordOf({ partitions }).partitions, undefined, String(partitions))
    assert.equal(recordOf({ partitions: 3 }).partitions, 3)
  })
})
