import assert from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { BirthFiles } from '../../nodes/row-decoder/birth-files.ts'
import type { EdgeBirths } from '../../src/rows/sparkplug/birth.ts'
import { failure, SimulatedDisk } from '../outbox/simulated-disk.ts'
import { temporaryDirectory, until } from '../services/processes.ts'

const births = (edgeNode: string, name: string, alias: number | bigint = 1): EdgeBirths => ({
  edgeNode,
  current: {
    bdSeq: 2n ** 60n,
    node: { timestamp: 5, endedAt: undefined, metrics: [{ name, alias, datatype: 3 }] },
    devices: new Map([['d', { timestamp: 6, endedAt: 7, metrics: [] }]]),
  },
  previous: undefined,
})

const directory = '/plant/rowline/sparkplug/node'

test('what is saved is read again, a newer state replaces an older one, and what is forgotten is gone', async () => {
  const real = temporaryDirectory('births')
  const files = new BirthFiles(path.join(real, 'deep', 'node'), assert.fail)
  assert.deepEqual(files.load(), [])
  files.save(births('G/E', 'old'))
  files.save(births('G/E', 'new', 2n ** 63n))
  files.save(births('G/F', 'x'))
  files.forget('G/none')
  await new Promise<void>((resolve) => files.afterSaved(resolve))
  files.forget('G/F')
  await files.close()
  const again = new BirthFiles(path.join(real, 'deep', 'node'), assert.fail)
  assert.deepEqual(again.load(), [births('G/E', 'new', 2n ** 63n)])
  rmSync(real, { recursive: true })
})

test('a damaged file costs its own names and is named', () => {
  const real = temporaryDirectory('births')
  writeFileSync(path.join(real, 'a.json'), '{"edgeNode":"G/E"')
  writeFileSync(path.join(real, 'b.json'), '{"edgeNode":5}')
  writeFileSync(path.join(real, 'c.json.new'), '')
  const said: string[] = []
  assert.deepEqual(new BirthFiles(real, (text) => said.push(text)).load(), [])
  assert.equal(said.length, 2)
  assert.match(said[0]!, /a\.json cannot be read, its aliases are unknown until the next BIRTH: .*JSON/)
  assert.equal(readdirSync(real).length, 3, 'it is left for somebody to look at')
  rmSync(real, { recursive: true })
})

test('nothing passes before its birth survives a power cut, and everything passes in order', async () => {
  await Promise.all(Array.from({ length: 60 }, (_, seed) => powerCut(seed)))
})

/** Cuts the power at the moment in which one of five messages passes, or not at all. */
async function powerCut(seed: number): Promise<void> {
  const disk = new SimulatedDisk(seed)
  const cutAt = seed % 6
  let failing = seed % 4 === 0
  disk.fault = (_call, n) => (failing && n % 3 === 0 ? failure('EIO') : undefined)
  const files = new BirthFiles(directory, assert.fail, disk.layer())
  const passed: number[] = []
  let kept = ''
  files.afterSaved(() => passed.push(-1))
  for (let i = 0; i < 5; i++) {
    files.save(births(`G/E${i % 2}`, `name ${i}`))
    files.afterSaved(() => {
      passed.push(i)
      if (i !== cutAt) return
      disk.cutPower(seed % 2 === 0)
      kept = disk
        .files('.json')
        .map((file) => disk.content(file))
        .join('\n')
    })
    if (i === 1) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(passed, [-1], 'what needs no birth does not wait')
  if (failing) await until(() => files.error !== undefined, { what: 'a failure' })
  failing = false
  const last = Math.min(cutAt, 4)
  await until(() => passed.includes(last), { what: 'the messages to pass' })
  assert.deepEqual(passed.slice(0, last + 2), [-1, 0, 1, 2, 3, 4].slice(0, last + 2))
  if (cutAt > 4) assert.equal(files.error, undefined)
  else {
    const names = [...kept.matchAll(/"G\/E(\d)".*?"name (\d)"/g)].map(([, edge, name]) => [Number(edge), Number(name)])
    assert.ok(
      names.some(([edge, name]) => edge === cutAt % 2 && name! >= cutAt),
      `${cutAt} passed, kept is ${kept}`,
    )
  }
  await files.close()
}

test('a close while the disk fails ends at once, and what is not saved does not pass', async () => {
  const disk = new SimulatedDisk(1)
  disk.fault = () => failure('ENOSPC')
  const files = new BirthFiles(directory, assert.fail, disk.layer())
  files.save(births('G/E', 'x'))
  files.afterSaved(() => assert.fail('it is not on the disk'))
  await until(() => files.error !== undefined, { what: 'the failure' })
  assert.equal(files.error!.code, 'FILE_FAILED')
  await files.close()
})
