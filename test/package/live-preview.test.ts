import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { LatestOnly } from '../../nodes/shared/editor/latest-only.ts'
import { previewSample } from '../../nodes/shared/editor/preview-sample.ts'

/** Answers when told to. */
function questions() {
  const open: { answer(): Promise<void> }[] = []
  const shown: number[] = []
  let asked = 0
  const latest = new LatestOnly(() => {
    const number = ++asked
    const { promise, resolve } = Promise.withResolvers<() => void>()
    const settled = () => new Promise<void>((done) => setImmediate(done))
    open.push({
      answer: () => {
        resolve(() => shown.push(number))
        return settled()
      },
    })
    return promise
  })
  return { latest, open, shown }
}

test('many changes are one question, 300 ms after the last of them', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { latest, open } = questions()
  for (let n = 0; n < 10; n++) {
    latest.soon()
    t.mock.timers.tick(299)
  }
  assert.equal(open.length, 0)
  t.mock.timers.tick(1)
  assert.equal(open.length, 1)
  t.mock.timers.tick(10_000)
  assert.equal(open.length, 1)
})

test('one question is open at a time, and an answer is shown only if no newer one is wanted', async () => {
  const { latest, open, shown } = questions()
  for (let n = 0; n < 3; n++) latest.now()
  assert.equal(open.length, 1)
  await open[0]!.answer()
  assert.deepEqual([open.length, shown], [2, []])
  await open[1]!.answer()
  assert.deepEqual([open.length, shown], [2, [2]])
})

test('after the dialog is closed nothing is asked and nothing is shown', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const { latest, open, shown } = questions()
  latest.now()
  latest.now()
  latest.soon()
  latest.close()
  mock.timers.tick(1000)
  await open[0]!.answer()
  assert.deepEqual([open.length, shown], [1, []])
  mock.timers.reset()
})

test('what came from a broker can be previewed if all of it is known', () => {
  const text = { topic: 'a', payload: '{"n":1}', bytes: 7, isText: true, isCut: false }
  assert.deepEqual(previewSample(text), { topic: 'a', payload: '{"n":1}', encoding: 'text' })
  assert.equal(previewSample({ ...text, isCut: true }), undefined)
  const bytes = { topic: 'b', payload: '00ff', bytes: 2, isText: false, isCut: false }
  assert.deepEqual(previewSample(bytes), { topic: 'b', payload: '00ff', encoding: 'hex' })
  assert.equal(previewSample({ ...bytes, bytes: 40 }), undefined)
})
