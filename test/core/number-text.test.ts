import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { NumberText } from '../../src/core/number-text.ts'
import { encodePayload, toJson } from '../../src/core/record.ts'

const digits = '12345678901234567890.123456789012345678'

test('every digit reaches the JSON of sinks and of Function nodes', () => {
  const row = { n: new NumberText(digits), id: 9007199254740993n, bytes: Buffer.from('hello') }
  const json = `{"n":${digits},"id":9007199254740993,"bytes":"aGVsbG8="}`
  assert.equal(toJson(row), json)
  assert.equal(Buffer.from(encodePayload(row)).toString(), json)
  assert.equal(JSON.stringify({ n: row.n }), `{"n":${digits}}`)
})

test('calculations see the nearest number, texts every digit', () => {
  const price = new NumberText('0.10000000000000000001')
  assert.equal(Number(price) * 3, 0.1 * 3)
  assert.equal(`${price}`, '0.10000000000000000001')
})

test('it survives the cloning that Node-RED does where a wire forks', () => {
  const { util } = createRequire(import.meta.url)('@node-red/util') as {
    readonly util: { cloneMessage<T>(message: T): T }
  }
  const message = { payload: { n: new NumberText(digits) } }
  const cloned = util.cloneMessage(message)
  assert.notEqual(cloned.payload.n, message.payload.n)
  assert.equal(toJson(cloned.payload), `{"n":${digits}}`)
})
