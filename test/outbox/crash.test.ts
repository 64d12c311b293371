import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { Outbox } from '../../src/outbox/outbox.ts'
import { Ledger, never, numberIn, openPatiently, options, payload } from './ledger.ts'
import { randomFrom } from './random.ts'
import { type Call, failure, SimulatedDisk } from './simulated-disk.ts'

const schedules = Number(process.env.OUTBOX_SCHEDULES ?? 2000)

/** Some work on an outbox: appends of various sizes, takes, confirms, a rewind; ends early when the process is gone. */
async function work(ledger: Ledger, outbox: Outbox, random: () => number, alive: () => boolean): Promise<void> {
  ledger.begin(outbox)
  const pick = (most: number) => 1 + Math.floor(random() * most)
  for (let i = 0; i < 25 && alive(); i++) {
    const what = random()
    if (what < 0.5) ledger.append(pick(12), random() < 0.1 ? 3000 : pick(200) + 10)
    else if (what < 0.7 && outbox.snapshot().entries > 0) await ledger.take(pick(30), soon()).catch(() => {})
    else if (what < 0.85) ledger.confirm(pick(30))
    else if (what < 0.88) {
      outbox.rewind()
      ledger.begin(outbox)
    }
    for (let turns = pick(4); turns > 0; turns--) await immediate()
  }
}

async function lifeUntilCrash(disk: SimulatedDisk, ledger: Ledger, random: () => number): Promise<void> {
  const dead = new AbortController()
  const alive = () => !dead.signal.aborted
  const call = disk.calls + 1 + Math.floor(random() * 150)
  const crash = random() < 0.7 ? () => disk.cutPower() : () => disk.kill()
  const run = () => {
    crash()
    dead.abort()
  }
  disk.at = { call, run }
  disk.shortWrites = random() < 0.3
  const memoryBytes = random() < 0.5 ? 500 : 1e6
  const outbox = await Outbox.open(options(disk.layer(), { memoryBytes }), dead.signal).catch(() => undefined)
  if (!outbox) return
  const failing = random() < 0.4 ? 0.1 : 0
  disk.fault = () => (random() < failing ? failure(random() < 0.5 ? 'EIO' : 'ENOSPC') : undefined)
  await work(ledger, outbox, random, alive)
  if (random() < 0.8 && alive()) run()
  disk.fault = () => undefined
  await outbox.close(50)
}

test(`nothing stored is lost, and no id is given twice, over ${schedules} random schedules of crashes, power cuts and failing calls`, async () => {
  for (let seed = 1; seed <= schedules; seed++) {
    const random = randomFrom(seed)
    const disk = new SimulatedDisk(seed)
    const ledger = new Ledger()
    try {
      for (let lives = 1 + Math.floor(random() * 4); lives > 0; lives--) await lifeUntilCrash(disk, ledger, random)
      disk.at = undefined
      const outbox = await Outbox.open(options(disk.layer()), never)
      ledger.begin(outbox)
      ledger.append(5)
      while (!ledger.stored.has(ledger.next - 1)) await immediate()
      await ledger.drain()
      await outbox.close(1000)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})

test('entries of a killed process that were not yet safe are made safe before they are handed out', async () => {
  const disk = new SimulatedDisk(3)
  const killed = await Outbox.open(options(disk.layer()), never)
  disk.fault = (call, _, file) => {
    if (call === 'sync' && file.endsWith('.seg') && disk.content(file).length > 64) disk.kill()
    return undefined
  }
  killed.append([payload(1), payload(2)], () => assert.fail('it was killed before'))
  for (let turns = 0; turns < 20; turns++) await immediate()
  disk.fault = () => undefined
  const next = await Outbox.open(options(disk.layer()), never)
  const before = (await next.take(10, 1e6, AbortSignal.timeout(1000))).map(({ position }) => position)
  disk.cutPower()
  const last = await Outbox.open(options(disk.layer()), never)
  const after = (await last.take(10, 1e6, AbortSignal.timeout(1000))).map(({ position }) => position)
  assert.equal(before.length, 2)
  assert.deepEqual(after, before)
  for (const outbox of [killed, next, last]) await outbox.close(0)
})

test('what a failed group left in a file is not taken for the entries that came after it', async () => {
  const disk = new SimulatedDisk(4)
  const first = await Outbox.open(options(disk.layer()), never)
  await new Promise<void>((resolve) => first.append([payload(1)], () => resolve()))
  let killed = false
  disk.fault = (call, _, file) => {
    if (call === 'write' && file.endsWith('2.seg') && disk.content(file).length > 0) {
      killed = true
      disk.kill()
    }
    return call === 'truncate' || (call === 'sync' && file.endsWith('1.seg')) ? failure('EIO') : undefined
  }
  first.append([payload(2), payload(3)], () => assert.fail('it was killed before'))
  while (!killed) await immediate()
  disk.fault = () => undefined
  const next = await Outbox.open(options(disk.layer()), never)
  await new Promise<void>((resolve) => next.append([payload(4), payload(5)], () => resolve()))
  const numbers: number[] = []
  while (numbers.length < 3) numbers.push(...(await next.take(10, 1e6, AbortSignal.timeout(1000))).map(numberIn))
  assert.deepEqual(numbers, [1, 4, 5])
  for (const outbox of [first, next]) await outbox.close(0)
})

test('entries that a disk shows after a failed sync and then forgets do not give their ids to others', async () => {
  const disk = new SimulatedDisk(5)
  const first = await Outbox.open(options(disk.layer()), never)
  await new Promise<void>((resolve) => first.append([payload(1)], () => resolve()))
  let failed = false
  disk.fault = (call, _, file) => {
    if (failed) disk.kill()
    else if (call === 'sync' && file.endsWith('1.seg')) failed = true
    else return undefined
    return failure('EIO')
  }
  first.append([payload(2), payload(3)], () => assert.fail('it was killed before'))
  for (let turns = 0; turns < 50; turns++) await immediate()
  disk.fault = () => undefined
  const second = await Outbox.open(options(disk.layer()), never)
  const entries = await second.take(10, 1e6, AbortSignal.timeout(1000))
  assert.deepEqual(entries.map(numberIn), [1, 2, 3])
  disk.cutPower()
  const third = await Outbox.open(options(disk.layer()), never)
  const position = await new Promise<number>((resolve) => third.append([payload(4)], resolve))
  assert.ok(position > entries.at(-1)!.position, `${position}`)
  for (const outbox of [first, second, third]) await outbox.close(0)
})

/** Every kind of call the outbox makes: several groups and segments, replay, housekeeping, two restarts. */
async function scenario(disk: SimulatedDisk, ledger: Ledger, dead = never): Promise<void> {
  const alive = () => !dead.aborted
  const files = disk.layer()
  for (let life = 0; life < 3 && alive(); life++) {
    const outbox = await openPatiently(options(files, { memoryBytes: 600 }), dead)
    if (!outbox) return
    ledger.begin(outbox)
    for (let round = 0; round < 6 && alive(); round++) {
      ledger.append(4, 150)
      while (!ledger.stored.has(ledger.next - 1) && alive()) await immediate()
      if (round % 2 === 0 && alive()) await ledger.take(5, dead)
      ledger.confirm(4)
    }
    await outbox.close(alive() ? 1000 : 0)
  }
}

/** Aborted after some turns of the event loop. */
function soon(): AbortSignal {
  const controller = new AbortController()
  const look = (turns: number) => (turns > 0 ? setImmediate(look, turns - 1) : controller.abort())
  look(5)
  return controller.signal
}

async function drainAndCheck(disk: SimulatedDisk, ledger: Ledger): Promise<void> {
  const outbox = (await openPatiently(options(disk.layer())))!
  ledger.begin(outbox)
  ledger.append(1)
  while (!ledger.stored.has(ledger.next - 1)) await immediate()
  await ledger.drain()
  await outbox.close(1000)
  assert.equal(outbox.snapshot().error, undefined)
}

async function countCalls(): Promise<number> {
  const disk = new SimulatedDisk(0)
  const ledger = new Ledger()
  await scenario(disk, ledger)
  return disk.calls
}

/** A full disk can still be read. */
const needsSpace = new Set<Call>(['makeDirectory', 'open', 'write', 'sync', 'rename', 'syncDirectory', 'lock'])

for (const code of ['ENOSPC', 'EIO'] as const)
  for (const lasting of [1, 12])
    test(`${code} at any call, for ${lasting} calls, loses nothing and passes by itself`, async () => {
      const calls = await countCalls()
      for (let n = 1; n <= calls; n++) {
        const disk = new SimulatedDisk(n)
        const hits = (call: Call) => code === 'EIO' || needsSpace.has(call)
        disk.fault = (call, number) => (number >= n && number < n + lasting && hits(call) ? failure(code) : undefined)
        const ledger = new Ledger()
        await scenario(disk, ledger)
        disk.cutPower()
        await drainAndCheck(disk, ledger).catch((cause) => {
          throw new Error(`call ${n}`, { cause })
        })
      }
    })

for (const crash of ['kill', 'cutPower'] as const)
  test(`${crash} at any call loses nothing`, async () => {
    const calls = await countCalls()
    for (let n = 1; n <= calls; n++) {
      const disk = new SimulatedDisk(n)
      const ledger = new Ledger()
      const dead = new AbortController()
      const run = () => {
        disk[crash]()
        dead.abort()
      }
      disk.at = { call: n, run }
      await scenario(disk, ledger, dead.signal)
      // Timers vary the number of calls: the last ones may not have been made.
      disk.at = undefined
      await drainAndCheck(disk, ledger).catch((cause) => {
        throw new Error(`call ${n}`, { cause })
      })
    }
  })

test('the walk over every call meets every kind of call', async () => {
  const seen = new Set<Call>()
  const disk = new SimulatedDisk(1)
  let syncs = 0
  disk.fault = (call, _, file) => {
    seen.add(call)
    return call === 'sync' && file.endsWith('.seg') && ++syncs === 3 ? failure('EIO') : undefined
  }
  await scenario(disk, new Ledger())
  const all: Call[] = ['close', 'list', 'lock', 'makeDirectory', 'open', 'openToRead', 'read', 'rename', 'size']
  assert.deepEqual([...seen].sort(), [...all, 'sync', 'syncDirectory', 'truncate', 'unlink', 'write'].sort())
})
