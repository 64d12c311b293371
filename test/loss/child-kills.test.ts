import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type Balance, balance, balanceLine, settled } from '../ledger/ledger.ts'
import { readMessage, readRows } from '../ledger/read.ts'
import { type Point, phases, points, type Strike } from '../outbox/killing-files.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { type Running, startProcess, temporaryDirectory } from '../services/processes.ts'
import { createSession, drainSession } from '../services/publisher.ts'
import { noAckForOldEpoch, packets, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startWireProxy } from '../services/wire-proxy.ts'
import type { Settings } from './child.ts'
import { startFlood } from './flood.ts'
import { sized } from './sizes.ts'

const child = join(import.meta.dirname, 'child.ts')
const topics = ['line/1', 'line/2', 'line/3', 'line/4']
const kills = 300
const rounds = sized(1, 17)
/** A lock whose owner was killed while taking it is free after half a minute. */
const patienceMs = 90_000
/** How long a life may take to come to its strike, before it is killed from outside. */
const strikeMs = 10_000

/** Of three lives two end at a chosen operation of the outbox, and one at any moment. */
function strikes(count: number, only?: Point): readonly (Strike | undefined)[] {
  const names = only ? [only] : (Object.keys(points) as Point[])
  const places = names.flatMap((point) => phases.map((phase) => ({ point, phase })))
  return Array.from({ length: count }, (_, i) => {
    if (i % 3 === 2) return undefined
    const place = places[(i - Math.floor(i / 3)) % places.length]!
    return { ...place, number: 1 + Math.floor(Math.random() * points[place.point]) }
  })
}

interface Round extends Balance {
  readonly died: ReadonlyMap<string, number>
  readonly lives: readonly string[]
}

/** Kills one process after the other while a publisher goes on, lets the last one finish, and reads the books. */
async function killedLives(plan: readonly (Strike | undefined)[], early = false): Promise<Round> {
  await using broker = await startMosquitto({ persistence: true })
  await using wire = await startWireProxy({ brokerPort: broker.port })
  const directory = temporaryDirectory('child-kills')
  const settings = { port: wire.port, clientId: `child-${randomUUID()}`, filter: 'line/#', directory, early }
  const start = (strike?: Strike) => {
    const all: Settings = { ...settings, ...(strike ? { strike } : {}) }
    return startProcess(process.execPath, [child, JSON.stringify(all)], { name: 'child' })
  }
  await createSession(broker.port, settings.clientId, [settings.filter])
  await using flood = startFlood({ port: broker.port, topics, qos: 1, ratePerSecond: 300 })
  const lives: string[] = []
  for (const strike of plan) lives.push(await lifeOf(start(strike), strike))
  const last = start()
  const published = await flood.stop()
  const acknowledged = () => packets(wire.events, 'puback', 'toBroker').length
  await settled({
    progress: () => readRows(join(directory, 'rows')).length,
    queueIsEmpty: () => acknowledged() >= published.length,
    timeoutMs: patienceMs,
  })
  assert.deepEqual(await last.stop(20_000), { code: 0, signal: null })
  assert.deepEqual(
    readdirSync(join(directory, 'outbox')).filter((name) => /damaged|lock/.test(name)),
    [],
  )
  const result = balance({
    published,
    acknowledged: acknowledged(),
    confirmed: readRows(join(directory, 'rows')),
    deadLettered: [],
    held: (await drainSession(broker.port, settings.clientId)).map(readMessage),
  })
  process.stderr.write(`ledger: ${balanceLine(result)}\n`)
  assert.deepEqual(pubacksInPublishOrder(wire.events), [])
  assert.deepEqual(noAckForOldEpoch(wire.events), [])
  return { ...result, lives: [...lives, last.output()], died: countDeaths(lives) }
}

/** What a process said until it was killed. */
async function lifeOf(life: Running, strike: Strike | undefined): Promise<string> {
  if (!strike) {
    if (Math.random() < 0.8) await life.waitFor(/open/, patienceMs)
    await wait(Math.random() * 300)
    await life.kill()
    return life.output()
  }
  // Not every life comes to every operation: the sync at start, for one, has nothing to do behind an empty file.
  const late = setTimeout(() => life.kill(), strikeMs)
  const { signal } = await life.exited
  clearTimeout(late)
  assert.equal(signal, 'SIGKILL', `ended by itself before ${strike.phase} ${strike.point}: ${life.output()}`)
  return life.output()
}

function countDeaths(lives: readonly string[]): ReadonlyMap<string, number> {
  const deaths = new Map<string, number>()
  for (const life of lives) {
    const place = /^died (.*)$/m.exec(life)?.[1] ?? 'at any moment'
    deaths.set(place, (deaths.get(place) ?? 0) + 1)
  }
  return deaths
}

/** One line for each operation, with the kills before, within and after it. */
function table(died: ReadonlyMap<string, number>): string {
  const line = (point: string) => phases.map((phase) => String(died.get(`${phase} ${point}`) ?? 0).padStart(7)).join('')
  const lines = Object.keys(points).map((point) => `${point.padEnd(30)}${line(point)}`)
  return [`${''.padEnd(30)}${phases.map((phase) => phase.padStart(7)).join('')}`, ...lines, ''].join('\n')
}

const clean = { deadLettered: 0, held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }

for (let round = 1; round <= rounds; round++)
  test(`${kills} kill -9 of source, outbox and sink lose nothing, and each next process goes on by itself (${round})`, {
    timeout: 800_000,
  }, async () => {
    const { died, lives, ...result } = await killedLives(strikes(kills))
    process.stderr.write(`${table(died)}at any moment: ${died.get('at any moment')}\n`)
    const { published: count } = result
    assert.deepEqual(
      { ...result, duplicated: 0 },
      { ...clean, published: count, acknowledged: count, confirmed: count },
    )
    assert.deepEqual(
      lives.filter((life) => /wrong|Error/.test(life)),
      [],
    )
    const missed = Object.keys(points).flatMap((point) =>
      phases.map((phase) => `${phase} ${point}`).filter((place) => !died.has(place)),
    )
    assert.deepEqual(missed, [], 'every operation was hit before, within and after')
  })

test('these kills would notice who acknowledges before the outbox has stored', { timeout: 300_000 }, async () => {
  const { lost } = await killedLives(strikes(12, 'append'), true)
  assert.ok(lost > 0, 'the ledger finds the loss')
})
