import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../services/processes.ts'
import { allWritten, MemorySink, outage, poisonous, refusing, rejections, startRunner, written } from './memory-sink.ts'
import { range } from './random.ts'

test('a poison record that fails its whole batch is isolated: it alone is rejected, the others keep their order', async () => {
  for (const poison of [[0], [37], [99], [3, 4], [0, 50, 99], range(20, 40)]) {
    const sink = new MemorySink()
    sink.behaviour = refusing(...poison)
    const { runner, submit } = startRunner(sink, { batchRecords: 64 })
    const settled = await submit(...range(0, 100))
    assert.deepEqual(
      rejections(settled),
      poison.map((n) => `${n} RECORD_INVALID`),
    )
    assert.ok(settled.status === 'written')
    for (const { index, error } of settled.rejected) assert.match(error.message, new RegExp(`bad ${index}$`))
    assert.deepEqual(
      sink.stored,
      range(0, 100).filter((n) => !poison.includes(n)),
    )
    await runner.close(1000)
  }
})

test('an outage while a poison record is being isolated loses nothing', async () => {
  const sink = new MemorySink()
  const refuse = refusing(13)
  let calls = 0
  sink.behaviour = (batch, signal) => {
    if (++calls % 3 === 0) throw outage()
    return refuse(batch, signal)
  }
  const { runner, submit } = startRunner(sink, { batchRecords: 32 })
  assert.deepEqual(rejections(await submit(...range(0, 32))), ['13 RECORD_INVALID'])
  assert.deepEqual(
    sink.stored,
    range(0, 32).filter((n) => n !== 13),
  )
  await runner.close(1000)
})

test('after a record was refused the target counts as reachable again', async () => {
  const sink = new MemorySink()
  let failures = 2
  sink.behaviour = () => {
    if (failures-- > 0) throw outage()
    throw poisonous(1)
  }
  const { runner, submit } = startRunner(sink)
  assert.deepEqual(rejections(await submit(1)), ['0 RECORD_INVALID'])
  assert.deepEqual([runner.snapshot().phase, runner.snapshot().error], ['ready', undefined])
  await runner.close(1000)
})

test('rejected positions are those of each submission, also when a batch mixes several', async () => {
  const sink = new MemorySink()
  sink.behaviour = (batch) => ({
    rejected: batch.flatMap((n, index) => (n % 5 === 0 ? [{ index, error: poisonous(n) }] : [])),
  })
  const { runner, submit } = startRunner(sink)
  const settled = await Promise.all([submit(1, 5, 2), submit(10), submit(3), submit(7, 8, 9, 20, 25)])
  assert.deepEqual(settled.map(rejections), [
    ['1 RECORD_INVALID'],
    ['0 RECORD_INVALID'],
    [],
    ['3 RECORD_INVALID', '4 RECORD_INVALID'],
  ])
  assert.deepEqual(sink.stored, [1, 2, 3, 7, 8, 9])
  await runner.close(1000)
})

test('a record that cannot be prepared is rejected, whatever was thrown, and the others are written', async () => {
  const sink = new MemorySink()
  const prepare = sink.prepare.bind(sink)
  sink.prepare = (record) => {
    if (record.payload === 'bug') throw new TypeError('bug')
    return prepare(record)
  }
  const { runner, submit } = startRunner(sink)
  const settled = await submit(1, 'text', 2, 'bug', 3)
  assert.deepEqual(rejections(settled), ['1 PAYLOAD_UNSUPPORTED', '3 UNKNOWN'])
  assert.deepEqual(sink.stored, [1, 2, 3])
  assert.deepEqual(rejections(await submit('only')), ['0 PAYLOAD_UNSUPPORTED'])
  assert.equal(runner.snapshot().pendingRecords, 0)
  await runner.close(1000)
})

test('a sink that names records which are not in its batch, or one twice, has confirmed nothing', async () => {
  const error = poisonous(0)
  for (const lie of [[-1], [3], [1, 1], [0.5], [Number.NaN], [0, 1, 2, 3]]) {
    const sink = new MemorySink()
    const { runner, submit, settlements } = startRunner(sink)
    sink.behaviour = () => ({ rejected: lie.map((index) => ({ index, error })) })
    const honest = submit(1, 2, 3)
    await until(() => runner.snapshot().retries > 1, { what: `the lie ${lie} to be noticed` })
    assert.deepEqual(settlements, [[]])
    sink.behaviour = () => allWritten
    assert.deepEqual(await honest, written)
    await runner.close(1000)
  }
})
