import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { balance, balanceLine, settled } from '../ledger/ledger.ts'
import { readDeadLetters, readRows } from '../ledger/read.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { type Numbered, publishNumbered } from '../services/publisher.ts'
import { topics } from './plant.ts'
import { sized } from './sizes.ts'

const count = sized(6000, 600_000)
const ratePerSecond = 600

/** The same in every Node-RED, which gives it a client id of its own. */
const flow = (port: number, delivery: string): FlowNode[] => [
  { id: 'tab', type: 'tab', label: 'Scale out' },
  { id: 'broker', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(port) },
  {
    id: 'in',
    type: 'mqtt-v3-in',
    z: 'tab',
    source: 'broker',
    subscriptions: [{ filter: '$share/rowline/plant/#', qos: '1' }],
    wires: [['sink'], []],
  },
  { id: 'sink', type: 'file-sink', z: 'tab', path: 'rows/rows.ndjson', delivery, wires: [[], []] },
]

/** Each member keeps the order of what it gets; all together have none. */
const inOrder = (rows: readonly Numbered[]) => rows.toSorted((a, b) => a.number - b.number)
const rowsOf = ({ userDir }: NodeRed) => readRows(join(userDir, 'rows'))
const membersOf = ({ log }: Mosquitto) => new Set([...log().matchAll(/ as (nr-\w+)/g)].map(([, clientId]) => clientId))

for (const delivery of ['confirm', 'outbox'])
  test(`D11, F9: three Node-REDs share a filter, one is stopped in between: every reading once in total (${delivery})`, {
    timeout: sized(180_000, 3_600_000),
  }, async () => {
    await using broker = await startMosquitto()
    await using first = await startNodeRed()
    await using second = await startNodeRed()
    await using third = await startNodeRed()
    const all = [first, second, third]
    for (const each of all) {
      await each.deploy(flow(broker.port, delivery))
      await each.statusIs('in', ({ fill }) => fill === 'green')
    }
    assert.equal(membersOf(broker).size, 3)
    let confirmed = 0
    const onConfirmed = () => confirmed++
    const publishing = publishNumbered({ port: broker.port, topics, count, qos: 1, ratePerSecond, onConfirmed })
    const reached = (share: number) =>
      until(() => confirmed >= share * count, { what: 'so many', timeoutMs: sized(120_000, 1_800_000) })
    await reached(1 / 3)
    await second.stop()
    const [left, others] = [rowsOf(second).length, rowsOf(first).length + rowsOf(third).length]
    await reached(2 / 3)
    assert.equal(rowsOf(second).length, left)
    assert.ok(rowsOf(first).length + rowsOf(third).length > others, 'the others go on')
    await second.restart()
    const published = await publishing
    const written = () => all.flatMap(rowsOf)
    await settled({ progress: () => written().length, queueIsEmpty: () => written().length >= count })
    for (const each of all) await each.stop()
    const deadLettered = all.flatMap(({ userDir }) => readDeadLetters(join(userDir, 'rowline/dead-letter')))
    const result = balance({ published, confirmed: inOrder(written()), deadLettered, held: [] })
    const shares = all.map((each) => rowsOf(each).length)
    process.stderr.write(`ledger: ${balanceLine(result)}; shares ${shares.join(', ')}\n`)
    const { lost, duplicated, deadLettered: rejected } = result
    assert.deepEqual(
      { confirmed: result.confirmed, lost, duplicated, rejected },
      { confirmed: count, lost: 0, duplicated: 0, rejected: 0 },
    )
    for (const share of shares) assert.ok(share > count / 10, `${shares}`)
  })
