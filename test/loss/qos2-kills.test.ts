import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { settled } from '../ledger/ledger.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { topics } from './plant.ts'
import { sized } from './sizes.ts'

const kills = sized(2, 20)
const ratePerSecond = 500

const flow = (port: number, delivery: string) => [
  { id: 'tab', type: 'tab', label: 'QoS 2' },
  { id: 'broker', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(port), clientId: 'qos2' },
  {
    id: 'in',
    type: 'mqtt-v3-in',
    z: 'tab',
    source: 'broker',
    subscriptions: [{ filter: 'plant/#', qos: '2' }],
    wires: [['sink'], []],
  },
  {
    id: 'sink',
    type: 'file-sink',
    z: 'tab',
    path: 'rows.ndjson',
    content: 'record',
    maxFileBytes: '1 GiB',
    delivery,
    wires: [[], []],
  },
]

interface Line {
  readonly payload: { readonly n: number } | string
  readonly id?: string
}

function linesOf({ userDir }: NodeRed): readonly { readonly n: number; readonly id: string | undefined }[] {
  const file = join(userDir, 'rows.ndjson')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  return lines.map((line) => {
    const { payload, id } = JSON.parse(line) as Line
    const { n } = typeof payload === 'string' ? (JSON.parse(payload) as { n: number }) : payload
    return { n, id }
  })
}

for (const delivery of ['confirm', 'outbox'])
  test(`QoS 2: ${kills} kill -9 lose nothing; what comes twice was settled and not answered yet (${delivery})`, {
    timeout: sized(200_000, 1_200_000),
  }, async () => {
    await using broker = await startMosquitto({ persistence: true })
    await using nodeRed = await startNodeRed()
    await nodeRed.deploy(flow(broker.port, delivery))
    await nodeRed.statusIs('in', ({ fill }) => fill === 'green')
    const enough = new AbortController()
    const { signal } = enough
    const options = {
      port: broker.port,
      topics,
      count: Number.MAX_SAFE_INTEGER,
      qos: 2,
      ratePerSecond,
      signal,
    } as const
    const publishing = publishNumbered(options)
    for (let kill = 0; kill < kills; kill++) {
      const before = linesOf(nodeRed).length
      await until(() => linesOf(nodeRed).length > before + 200, { what: 'more readings', timeoutMs: 60_000 })
      await wait(Math.random() * 200)
      await nodeRed.kill9()
      await nodeRed.restart()
    }
    enough.abort()
    const published = await publishing
    const written = () => linesOf(nodeRed).length
    await settled({ progress: written, queueIsEmpty: () => written() >= published.length })
    const ids = Map.groupBy(linesOf(nodeRed), ({ n }) => n)
    const missing = published.filter(({ number }) => !ids.has(number)).length
    const copies = [...ids.values()].filter((lines) => lines.length > 1)
    const twice = copies.reduce((sum, lines) => sum + lines.length - 1, 0)
    const sameId = copies.reduce((sum, lines) => {
      const known = lines.flatMap(({ id }) => id ?? [])
      return sum + known.length - new Set(known).size
    }, 0)
    process.stderr.write(
      `QoS 2, ${delivery}: ${kills} kills, published ${published.length}, lost ${missing}, twice ${twice}, of them with the same rowline.id ${sameId}\n`,
    )
    assert.equal(missing, 0)
    if (delivery === 'confirm') assert.ok(twice <= kills * broker20, `${twice}`)
  })

/** What mosquitto has in flight, and may send again; another so many are on their way through it. */
const broker20 = 2 * 20
