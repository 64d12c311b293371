import assert from 'node:assert/strict'
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Intent, IntentFile } from '../../src/sinks/bigquery/intents.ts'
import { Positions } from '../../src/sinks/bigquery/positions.ts'
import { temporaryDirectory } from '../services/processes.ts'

const intent = (n: number): Intent => ({
  stream: `projects/p/datasets/d/tables/t/streams/${n}`,
  offset: n,
  descriptor: Buffer.from([1, 2, n]),
  rows: Array.from({ length: 3 }, (_, i) => Buffer.alloc(n * 10 + i, i)),
  outbox: 'o',
  positions: [n, n + 1, n + 3],
  stored: [[0, n]],
})

test('the last intent is read back as it was, by this process and the next', async () => {
  const directory = join(temporaryDirectory('intents'), 'a', 'b')
  const file = new IntentFile(directory)
  assert.equal(await file.read(), undefined)
  for (const n of [1, 2, 30, 4, 5]) {
    await file.write(intent(n))
    assert.deepEqual(await new IntentFile(directory).read(), intent(n))
  }
  const next = new IntentFile(directory)
  await next.read()
  await next.write(intent(6))
  assert.deepEqual(await new IntentFile(directory).read(), intent(6))
})

test('what an older version has left elsewhere is read until the new place has an intent, and never again', async () => {
  const [former, directory] = [temporaryDirectory('intents'), join(temporaryDirectory('intents'), 'new')]
  await new IntentFile(former).write(intent(1))
  const opened = async () => {
    const file = new IntentFile(directory, former)
    return { file, last: await file.read() }
  }
  assert.deepEqual((await opened()).last, intent(1))
  const { file, last } = await opened()
  assert.deepEqual(last, intent(1))
  await file.write(intent(4))
  assert.deepEqual((await opened()).last, intent(4))
  assert.equal(await new IntentFile(former).read(), undefined)
  rmSync(directory, { recursive: true })
  assert.equal((await opened()).last, undefined, 'an older copy of the new place')
})

test('a write that was cut off at any byte leaves the intent before it', async () => {
  const directory = temporaryDirectory('intents')
  const file = new IntentFile(directory)
  for (const n of [1, 2, 3, 4]) await file.write(intent(n))
  const newest = ['intent-a', 'intent-b'].map((name) => join(directory, name)).find((path) => isOf(path, 4))!
  const whole = readFileSync(newest)
  for (let length = 0; length < whole.length; length += 7) {
    truncateSync(newest, length)
    assert.deepEqual(await new IntentFile(directory).read(), intent(3), `cut at ${length}`)
    writeFileSync(newest, whole)
  }
  whole[40]! ^= 1
  writeFileSync(newest, whole)
  assert.deepEqual(await new IntentFile(directory).read(), intent(3))
})

const isOf = (path: string, n: number) => readFileSync(path).includes(`streams/${n}"`)

test('positions are a set, whatever the order in which they come', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60)), (numbers) => {
      const positions = new Positions()
      for (const number of numbers) positions.add(number)
      for (let n = 0; n <= 61; n++) assert.equal(positions.has(n), numbers.includes(n), `${n}`)
      const { ranges } = new Positions(positions.ranges)
      for (const [i, [from, to]] of ranges.entries())
        assert.ok(from <= to && (i === 0 || from > ranges[i - 1]![1] + 1), 'ranges neither touch nor overlap')
    }),
  )
})

test('positions in their order are one range', () => {
  const positions = new Positions()
  for (let n = 5; n < 10_000; n++) positions.add(n)
  assert.deepEqual(positions.ranges, [[5, 9999]])
})
