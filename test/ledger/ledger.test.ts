import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../services/processes.ts'
import type { Numbered } from '../services/publisher.ts'
import { type Books, balance, balanceLine, settled } from './ledger.ts'
import { readDeadLetters, readRows } from './read.ts'

/** Number n goes to topic a if even, b if odd. */
const entries = (...numbers: number[]): Numbered[] =>
  numbers.map((number) => ({ number, topic: number % 2 === 0 ? 'a' : 'b' }))
const books = (confirmed: number[], other: Partial<Books> = {}): Books => ({
  published: entries(0, 1, 2, 3, 4, 5),
  confirmed: entries(...confirmed),
  deadLettered: [],
  held: [],
  ...other,
})

test('a clean run has no faults', () => {
  const line = balanceLine(balance(books([0, 1, 2, 3, 4, 5], { acknowledged: 6 })))
  const counts = 'published 6 / acknowledged 6 / confirmed 6 / dead-lettered 0 / held 0'
  assert.equal(line, `${counts} / lost 0 / duplicated 0 / out of order 0`)
})

test('what is nowhere is lost, and named', () => {
  const result = balance(books([0, 1, 3, 5]))
  assert.deepEqual([result.lost, result.examples, result.confirmed], [2, [2, 4], 4])
  assert.match(balanceLine(result), /acknowledged not seen .* lost 2 .*\(lost: 2, 4\)$/)
})

test('what has not arrived is the loss of the broker', () => {
  const result = balance(books([0, 1, 3], { arrived: new Set([0, 1, 2, 3]) }))
  assert.deepEqual([result.lost, result.lostByBroker, result.examples], [1, 2, [2]])
  assert.match(balanceLine(result), / lost 1 \/ lost by the broker 2 \/ duplicated 0 /)
})

test('a dead letter and a held message are not lost, and count once', () => {
  const result = balance(books([0, 1, 2], { deadLettered: entries(3, 2), held: entries(4, 0, 3) }))
  assert.deepEqual([result.confirmed, result.deadLettered, result.held, result.lost], [3, 1, 1, 1])
})

test('every copy beyond the first is a duplicate, in the target and in the dead letter', () => {
  const result = balance(books([0, 1, 2, 0, 1, 0, 3], { deadLettered: entries(4, 5, 5) }))
  assert.deepEqual([result.duplicated, result.lost], [4, 0])
})

test('order is judged per topic and by first occurrences', () => {
  assert.equal(balance(books([1, 3, 5, 0, 2, 4])).outOfOrder, 0, 'topics may interleave in any way')
  assert.equal(balance(books([0, 1, 2, 3, 0, 2, 1, 4, 5])).outOfOrder, 0, 'a redelivered stretch is no inversion')
  assert.equal(balance(books([0, 4, 2, 1, 3, 5])).outOfOrder, 1)
  assert.equal(balance(books([4, 2, 0, 5, 3, 1])).outOfOrder, 4)
})

test('a number that was never published, published twice or found under another topic is an error', () => {
  assert.throws(() => balance(books([7])), /confirmed has number 7 of b, which was never published/)
  assert.throws(() => balance(books([], { held: [{ number: 1, topic: 'a' }] })), /number 1 under a instead of b/)
  assert.throws(() => balance(books([], { published: entries(1, 1) })), /published twice/)
})

test('settled waits for the queue to be empty and for quiet', async () => {
  let arrived = 0
  let empty = false
  const arriving = setInterval(() => {
    arrived++
  }, 20)
  setTimeout(() => clearInterval(arriving), 300)
  setTimeout(() => {
    empty = true
  }, 700)
  const start = performance.now()
  await settled({ progress: () => arrived, queueIsEmpty: () => empty, quietMs: 200 })
  assert.ok(performance.now() - start >= 690)
  let steps = 0
  const never = settled({ progress: () => ++steps, queueIsEmpty: () => true, quietMs: 200, timeoutMs: 400 })
  await assert.rejects(never, /Not settled within 400 ms; progress stands at \d+/)
  const queued = settled({ progress: () => 7, queueIsEmpty: () => false, quietMs: 50, timeoutMs: 200 })
  await assert.rejects(queued, /stands at 7/)
})

test('rows and dead letters are read from finished files first, without a torn last line', () => {
  const directory = temporaryDirectory('ledger')
  writeFileSync(join(directory, 'rows.ndjson'), '{"n":3,"topic":"b"}\n{"n":4,"to')
  writeFileSync(join(directory, 'rows.2030-01-31T12-00-00-000Z.ndjson'), '{"n":1,"topic":"b"}\n{"n":2,"topic":"a"}\n')
  assert.deepEqual(readRows(directory), entries(1, 2, 3))
  const dead = join(directory, 'dead')
  mkdirSync(join(dead, 'tab/node'), { recursive: true })
  const payload = '{"n":1,"topic":"b"}'
  const coded = { payload: Buffer.from(payload).toString('base64'), encoding: 'base64', topic: 'b' }
  const text = [{ payload, topic: 'b' }, coded].map((line) => `${JSON.stringify(line)}\n`).join('')
  writeFileSync(join(dead, 'tab/node/rejected.ndjson'), text)
  assert.deepEqual(readDeadLetters(dead), entries(1, 1))
})
