import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { PipelineError } from '../../src/core/errors.ts'
import { until } from '../services/processes.ts'
import {
  type Behaviour,
  createGate,
  MemorySink,
  outage,
  poisonous,
  rejections,
  released,
  startRunner,
  written,
} from './memory-sink.ts'
import { randomIntegers, range } from './random.ts'

/** Every number has one of three lanes: its remainder by 3. */
const lane = (n: number) => String(n % 3)
const ofLane = (numbers: readonly number[], name: string) => numbers.filter((n) => lane(n) === name)
const inLanes = () => {
  const sink = new MemorySink()
  sink.laneOf = lane
  return sink
}

/** Takes nothing of these lanes, from their first record in the batch on. */
const holding =
  (isHeld: (n: number) => boolean): Behaviour =>
  (batch) => {
    const held = batch.flatMap((n, index) => (isHeld(n) ? [{ index, error: outage() }] : []))
    if (held.length === batch.length) throw outage()
    return { rejected: [], held }
  }

// The first: what other tests leave must not be counted.
test('what a write leaves over while the runner is closed keeps no timer', async () => {
  const sink = inLanes()
  const gate = createGate()
  sink.behaviour = async (batch, signal) => {
    await gate.opened
    return holding((n) => lane(n) === '1')(batch, signal)
  }
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const { runner, submit } = startRunner(sink, { retryBackoffMs: 60_000, maxRetryBackoffMs: 60_000 })
  const held = submit(0, 1, 2)
  await until(() => sink.batches.length === 1, { what: 'the write' })
  const closed = runner.close(5000)
  gate.open()
  await closed
  assert.deepEqual(await held, released)
  assert.deepEqual(sink.stored, [0, 2])
  await until(() => timers() <= before, { what: 'the end of all timers' })
})

test('a lane that the target does not take is held while the others go on, and follows in order', async () => {
  const sink = inLanes()
  let isBroken = true
  sink.behaviour = holding((n) => isBroken && lane(n) === '1')
  const { runner, submit, settledOnce } = startRunner(sink)
  const all = range(0, 20).map((i) => submit(...range(i * 6, i * 6 + 6)))
  await until(() => ofLane(sink.stored, '2').length === 40, { what: 'the other lanes' })
  assert.deepEqual(ofLane(sink.stored, '1'), [])
  assert.equal(runner.snapshot().error?.code, 'TARGET_UNREACHABLE')
  assert.equal(typeof runner.snapshot().failingSince, 'number')
  assert.ok(runner.snapshot().retries > 0)
  isBroken = false
  assert.deepEqual(await Promise.all(all), Array(20).fill(written))
  for (const name of ['0', '1', '2']) assert.deepEqual(ofLane(sink.stored, name), ofLane(range(0, 120), name))
  await until(() => runner.snapshot().error === undefined, { what: 'the end of the trouble' })
  assert.equal(runner.snapshot().failingSince, undefined)
  assert.ok(settledOnce())
  assert.deepEqual(sink.misuses, [])
  await runner.close(1000)
})

test('order per lane stays and nothing is lost or doubled whatever fails, at random', async () => {
  for (const seed of range(1, 30)) {
    const integers = randomIntegers(seed)
    const happens = (percent: number) => integers(1, 100) <= percent
    const sink = inLanes()
    const poison = new Set(range(0, 300).filter(() => happens(3)))
    const isDown: { [name: string]: boolean } = {}
    sink.behaviour = (batch) => {
      for (const name of ['0', '1', '2']) isDown[name] = happens(40)
      if (happens(10)) throw outage()
      const up = batch.filter((n) => !isDown[lane(n)])
      const bad = up.find((n) => poison.has(n))
      if (bad !== undefined) throw poisonous(bad)
      if (up.length === 0) throw outage()
      const taken = new Set(up)
      return { rejected: [], held: batch.flatMap((n, index) => (taken.has(n) ? [] : [{ index, error: outage() }])) }
    }
    const { runner, submit, settledOnce } = startRunner(sink)
    const settled = await Promise.all(range(0, 60).map((i) => submit(...range(i * 5, i * 5 + 5))))
    const refused = settled.flatMap((one, i) => rejections(one).map((text) => i * 5 + Number(text.split(' ')[0])))
    assert.deepEqual(refused, [...poison], `seed ${seed}`)
    for (const name of ['0', '1', '2'])
      assert.deepEqual(
        ofLane(sink.stored, name),
        ofLane(range(0, 300), name).filter((n) => !poison.has(n)),
        `seed ${seed}, lane ${name}`,
      )
    assert.ok(settledOnce())
    await runner.close(1000)
  }
})

test('records without a lane are written again, and hold nothing up', async () => {
  const sink = new MemorySink()
  let failures = 3
  sink.behaviour = (batch) => {
    const isFirst = batch.includes(0) && failures-- > 0
    return { rejected: [], held: isFirst && batch.length > 1 ? [{ index: 0, error: outage() }] : [] }
  }
  const { runner, submit } = startRunner(sink)
  assert.deepEqual(await Promise.all([submit(0, 1), submit(2, 3)]), [written, written])
  assert.deepEqual(sink.stored.toSorted(), [0, 1, 2, 3])
  await runner.close(1000)
})

test('what is held is rejected when the retries are used up, and its lane goes on', async () => {
  const sink = inLanes()
  sink.behaviour = holding((n) => n === 1)
  const { runner, submit } = startRunner(sink, { maxRetries: 2 })
  assert.deepEqual(rejections(await submit(0, 1, 2)), ['1 RETRIES_EXHAUSTED'])
  assert.deepEqual(await submit(4, 7), written)
  await runner.close(1000)
})

test('retries are counted lane by lane: one that fails for long uses up none of another', async () => {
  const sink = inLanes()
  let failures = 2
  sink.behaviour = (batch) => {
    const held = batch.flatMap((n, index) => {
      if (lane(n) === '1') return [{ index, error: new PipelineError('TARGET_MISSING', { target: '1', problem: 'x' }) }]
      return lane(n) === '2' && failures-- > 0 ? [{ index, error: outage() }] : []
    })
    return { rejected: [], held }
  }
  const { runner, submit } = startRunner(sink, { maxRetries: 3 })
  const misconfigured = submit(1)
  await until(() => runner.snapshot().failures > 5, { what: 'many tries of the first lane' })
  assert.deepEqual(await submit(2), written)
  failures = Number.POSITIVE_INFINITY
  const tries = sink.batches.length
  const settled = await submit(5)
  assert.equal(settled.status === 'written' && settled.rejected[0]?.error.code, 'RETRIES_EXHAUSTED')
  assert.equal(sink.batches.slice(tries).filter((batch) => batch.includes(5)).length, 4)
  await runner.close(1000)
  assert.deepEqual(await misconfigured, released)
})

test('with "dead-letter" what is held is rejected at once, with "stop" all is held', async () => {
  const impatient = inLanes()
  impatient.behaviour = holding((n) => n === 1)
  const first = startRunner(impatient, { onError: 'dead-letter' })
  assert.deepEqual(rejections(await first.submit(0, 1, 2)), ['1 RETRIES_EXHAUSTED'])
  await first.runner.close(1000)

  const careful = inLanes()
  careful.behaviour = holding((n) => n === 1)
  const second = startRunner(careful, { onError: 'stop' })
  const settled = second.submit(0, 1, 2)
  await until(() => second.runner.snapshot().error?.code === 'STOPPED', { what: 'the stop' })
  await wait(20)
  assert.equal(careful.batches.length, 1)
  await second.runner.close(1000)
  assert.deepEqual(await settled, released)
})

test('what is held when the runner is closed is released', async () => {
  const sink = inLanes()
  sink.behaviour = holding((n) => lane(n) === '1')
  const { runner, submit, settledOnce } = startRunner(sink)
  const held = submit(0, 1, 2)
  await until(() => runner.snapshot().retries > 2, { what: 'some retries' })
  await runner.close(1000)
  assert.deepEqual(await held, released)
  assert.ok(settledOnce())
  assert.equal(runner.snapshot().pendingRecords, 0)
})

test('a lane that fails for ever starves none that has failed once', async () => {
  const sink = inLanes()
  let hiccup = true
  sink.behaviour = holding((n) => lane(n) === '1' || (hiccup && lane(n) === '2'))
  const { runner, submit } = startRunner(sink)
  for (const i of range(0, 20)) void submit(...range(i * 6, i * 6 + 6))
  await until(() => ofLane(sink.stored, '0').length === 40, { what: 'the lane that never fails' })
  hiccup = false
  await until(() => ofLane(sink.stored, '2').length >= 40, { what: 'the lane that failed once' })
  assert.deepEqual(ofLane(sink.stored, '2'), ofLane(range(0, 120), '2'))
  assert.deepEqual(ofLane(sink.stored, '1'), [])
  await runner.close(10)
})

test('lanes that fail one after the other do not keep the first from being tried again', async () => {
  const sink = new MemorySink()
  sink.laneOf = String
  const failed = new Set<number>()
  sink.behaviour = holding((n) => n < 1000 && !failed.has(n) && failed.add(n).has(n))
  const { runner, submit } = startRunner(sink, { retryBackoffMs: 60, maxRetryBackoffMs: 60 })
  const since = performance.now()
  for (let n = 0; !sink.stored.includes(0) && performance.now() - since < 2000; n++) {
    void submit(n, 1000 + n)
    await wait(15)
  }
  assert.ok(sink.stored.includes(0), 'the first is stored while every 15 ms another fails')
  await runner.close(1000)
})
