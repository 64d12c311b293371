import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { lockDirectory } from '../../src/outbox/lock.ts'
import { Outbox } from '../../src/outbox/outbox.ts'

const never = new AbortController().signal
const root = mkdtempSync(path.join(os.tmpdir(), 'rowline-lock-'))
after(() => rmSync(root, { recursive: true }))
const fresh = () => mkdtempSync(path.join(root, 'd-'))
const times = { beatMs: 20, staleMs: 200 }

const held = { code: 'OUTBOX_LOCKED', disposition: 'config' }

test('a directory is locked for others until it is released, in one process too', async () => {
  const directory = fresh()
  const lock = await lockDirectory(directory, never)
  await assert.rejects(lockDirectory(directory, never), held)
  await lock.release()
  await (await lockDirectory(directory, never)).release()
  assert.equal(existsSync(path.join(directory, 'lock')), false)
})

/** Another process that takes the lock and keeps it. */
async function holder(directory: string) {
  const lock = path.join(import.meta.dirname, '../../src/outbox/lock.ts')
  const code = `const { lockDirectory } = await import(${JSON.stringify(lock)})
    await lockDirectory(${JSON.stringify(directory)}, new AbortController().signal)
    console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

test('the lock of a living process holds, that of a process killed with -9 falls at once', async () => {
  const directory = fresh()
  const child = await holder(directory)
  await assert.rejects(lockDirectory(directory, never), (error: Error) => {
    assert.match(error.message, new RegExp(`process ${child.pid} on`))
    return true
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const started = performance.now()
  await (await lockDirectory(directory, never)).release()
  assert.ok(performance.now() - started < 1000)
})

test('what a process leaves that is killed while it takes the lock falls when nobody touches it', async () => {
  for (const left of [{ lock: '' }, { lock: '{"pid":1,"ho' }, { lock: '', 'lock.turn': '' }]) {
    const directory = fresh()
    for (const [name, text] of Object.entries(left)) writeFileSync(path.join(directory, name), text)
    const started = performance.now()
    const lock = await lockDirectory(directory, never, times)
    assert.ok(performance.now() - started > times.staleMs / 2, 'its owner might be at work')
    await lock.release()
    assert.deepEqual(readdirSync(directory), [])
  }
})

test('a lock with the number of a living process that started later is stale', async () => {
  const directory = fresh()
  const lock = await lockDirectory(directory, never)
  const file = path.join(directory, 'lock')
  const text = readFileSync(file, 'utf8')
  await lock.release()
  writeFileSync(file, text.replace(/"started":"\d+"/, '"started":"1"'))
  await (await lockDirectory(directory, never)).release()
})

const foreign = JSON.stringify({ pid: process.pid, host: 'elsewhere', space: 'another boot', started: '1' })

for (const [name, text] of [
  ['of another machine', foreign],
  ['that is empty', ''],
  ['that is garbage', 'x'.repeat(100)],
] as const)
  test(`a lock ${name} falls when its heartbeat has stopped, and holds while it goes on`, async () => {
    const directory = fresh()
    const file = path.join(directory, 'lock')
    writeFileSync(file, text)
    const beat = setInterval(() => utimesSync(file, new Date(), new Date()), 20)
    await assert.rejects(lockDirectory(directory, never, times), held)
    clearInterval(beat)
    await (await lockDirectory(directory, never, times)).release()
  })

test('a holder whose lock was taken by another learns of it, and leaves that one alone', async () => {
  const directory = fresh()
  const lock = await lockDirectory(directory, never, times)
  rmSync(path.join(directory, 'lock'))
  const other = await lockDirectory(directory, never, times)
  for (let i = 0; i < 50 && !lock.lost.aborted; i++) await pause(20)
  assert.equal(lock.lost.aborted, true)
  await lock.release()
  assert.equal(existsSync(path.join(directory, 'lock')), true)
  assert.equal(other.lost.aborted, false)
  await other.release()
})

test('of many that find a stale lock at the same time exactly one gets it', async () => {
  for (let round = 0; round < 40; round++) {
    const directory = fresh()
    writeFileSync(path.join(directory, 'lock'), JSON.stringify({ ...JSON.parse(foreign), host: os.hostname() }))
    utimesSync(path.join(directory, 'lock'), 1, 1)
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => lockDirectory(directory, never, times)))
    const got = results.filter(({ status }) => status === 'fulfilled')
    assert.equal(got.length, 1, `round ${round}`)
    for (const one of results) if (one.status === 'fulfilled') await one.value.release()
  }
})

test('waiting for a heartbeat can be aborted', async () => {
  const directory = fresh()
  writeFileSync(path.join(directory, 'lock'), foreign)
  await assert.rejects(lockDirectory(directory, AbortSignal.timeout(50)), { name: 'TimeoutError' })
})

test('an outbox on real files refuses a second one, and a place that is no directory', async () => {
  const directory = path.join(fresh(), 'a', 'b')
  const options = {
    directory,
    maxBytes: 1e6,
    maxAgeMs: 0,
    whenFull: 'block',
    retryBackoffMs: 1,
    maxRetryBackoffMs: 5,
  } as const
  const outbox = await Outbox.open(options, never)
  await assert.rejects(Outbox.open(options, never), held)
  await outbox.close(1000)
  const file = path.join(fresh(), 'file')
  writeFileSync(file, '')
  await assert.rejects(Outbox.open({ ...options, directory: file }, never), { code: 'OUTBOX_UNUSABLE' })
})
