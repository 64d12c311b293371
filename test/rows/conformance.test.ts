import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Mode, mismatches, modes, readVectors } from './vectors.ts'

const read = (name: string) => readVectors(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8'))
const vectors = read('flink-json-conformance.jsonl')
/** More of it, by both decoders of Flink 1.20.1 on Java 17: corner cases, and values drawn at random. */
const measured = read('flink-json-measured.jsonl')

for (const mode of Object.keys(modes) as Mode[]) {
  test(`all 175 vectors give the rows, errors and skips of Flink in mode ${mode}`, () => {
    assert.equal(vectors.length, 175)
    for (const vector of vectors) assert.equal(typeof vector[mode], 'object', vector.id)
    assert.deepEqual(mismatches(vectors, mode), [])
  })

  test(`what else was measured on Flink comes out the same in mode ${mode}`, () => {
    assert.ok(measured.length > 600)
    assert.deepEqual(mismatches(measured, mode), [])
  })
}

test('a wrong digit, a wrong key order and a wrong outcome are seen', () => {
  const vector = vectors.find(({ id }) => id === 'DECIMAL(38, 18)#0')!
  const changed = (row: string) => mismatches([{ ...vector, default: { row } }], 'default').length
  assert.equal(changed('{"id":12345678901234567890.1234567890123456780}'), 0)
  assert.equal(changed('{"id":12345678901234567890.123456789012345679}'), 1)
  assert.equal(mismatches([{ ...vector, default: { error: true } }], 'default').length, 1)
  const rows = vectors.find(({ id }) => id === 'multirow-1')!
  assert.equal(mismatches([{ ...rows, default: { row: '{"f2":true,"f1":1,"f3":"str"}' } }], 'default').length, 1)
})
