import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { parseFields } from '../../src/config/fields.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { connectionOptions } from '../../src/mqtt/connection-options.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { freePort, startProcess, until } from '../services/processes.ts'
import { Collector, connect } from './harness.ts'

const clients = 1000
const processes = 2
const slotMs = 100
/** A busy machine wakes late. */
const slackMs = 500
/** When so many are back, the others come more and more seldom: their waits are longer. */
const enough = 900

/** Of all clients, the largest share whose connects after `from` are in one slot of time. */
function largestShare({ connects }: FakeBroker, from: number, sinceMs: number): number {
  const slots = new Map<number, number>()
  for (const { atMs } of connects.slice(from)) {
    const slot = Math.floor((atMs - sinceMs) / slotMs)
    slots.set(slot, (slots.get(slot) ?? 0) + 1)
  }
  return Math.max(...slots.values()) / clients
}

/** A thousand sessions lose their broker for so long; gives the largest share of their connects in one slot. */
async function outage(downMs: number): Promise<number> {
  await using broker = await startFakeBroker()
  const program = join(import.meta.dirname, 'many-clients.ts')
  await using first = startClients(0)
  await using second = startClients(1)
  const running = [first, second]
  const connected = (count: number) =>
    until(() => broker.connects.length >= count, { what: `${count} connects`, timeoutMs: 120_000 })
  await connected(clients)
  for (const each of running) each.signal('SIGUSR2')
  await broker.down()
  await wait(downMs)
  await broker.up()
  const upMs = performance.now()
  await connected(clients + enough)
  for (const each of running) await each.stop()
  const share = largestShare(broker, clients, upMs)
  const lastMs = broker.connects.at(clients + enough - 1)!.atMs - upMs
  const stalls = running.map(({ output }) => /stood still for (\d+ ms)/.exec(output())?.[1]).join(' and ')
  process.stderr.write(
    `down for ${downMs} ms: at most ${(100 * share).toFixed(1)} % of the connects in ${slotMs} ms, ${enough} are back after ${(lastMs / 1000).toFixed(1)} s (clients stood still for ${stalls})\n`,
  )
  return share

  function startClients(nth: number) {
    const args = [program, String(broker.port), `client${nth}`, String(clients / processes)]
    return startProcess(process.execPath, args, { name: `clients ${nth}` })
  }
}

const polite = (downMs: number, allowed: number) =>
  test(`1,000 clients whose broker is away for ${downMs} ms: no more than ${allowed * 100} % come back in any ${slotMs} ms`, async () => {
    // A machine that stands still brings together what was apart; what is wrong in the waits is so every time.
    let share = 1
    for (let attempt = 0; attempt < 3 && share > allowed; attempt++) share = await outage(downMs)
    assert.ok(share <= allowed, `${(100 * share).toFixed(1)} %`)
  })

polite(300, 0.15)
polite(900, 0.15)

describe('while a broker is away for long', { concurrency: true }, () => {
  polite(15_000, 0.05)

  test('A9: to a port that is closed for 30 s the waits are below a bound that doubles from 1 s, and never over 4 s', async () => {
    const { config } = parseFields(sourceFields, {
      host: '127.0.0.1',
      port: String(await freePort()),
      maxReconnectDelayMs: '4 s',
    })
    const attemptsMs: number[] = []
    const collector = new Collector(['c'])
    await using own = connect(connectionOptions(config!, 'a9', ''), collector)
    const { connection } = own
    collector.changed = () => void (connection.status.phase === 'connecting' && attemptsMs.push(performance.now()))
    await wait(30_000)
    const gaps = attemptsMs.slice(1).map((atMs, i) => atMs - attemptsMs[i]!)
    process.stderr.write(`A9: gaps of ${gaps.map(Math.round).join(', ')} ms\n`)
    assert.ok(gaps.length >= 30_000 / 4000)
    for (const [i, gap] of gaps.entries()) {
      const bound = Math.min(4000, 1000 * 2 ** i)
      assert.ok(gap < bound + slackMs, `wait ${i} is ${gap} ms, over ${bound}`)
    }
    assert.ok(Math.max(...gaps) > 2000, 'it goes over the first two bounds')
  })
})
