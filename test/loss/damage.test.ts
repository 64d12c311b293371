import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sharedKafka } from '../services/kafka.ts'
import { freePort, until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { type Plant, startPlant, topics } from './plant.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

const shared = { output: 'reading', qos: 1, delivery: 'outbox' } as const
const properties = { sink: { outboxMaxBytes: '1 MiB', retryBackoffMs: '100 ms', maxRetryBackoffMs: '500 ms' } }
const publish = (plant: Plant, count: number, first = 0) =>
  publishNumbered({ port: plant.broker.port, topics, count, first, qos: 1, ratePerSecond: 1000 })
const acknowledged = (plant: Plant, count: number) =>
  until(() => plant.acknowledged() >= count, { what: `${count} PUBACKs`, timeoutMs: 60_000, output: plant.nodeRed.log })
const logged = (plant: Plant, what: RegExp) =>
  until(() => what.exec(plant.nodeRed.log()), { what: String(what), timeoutMs: 60_000, output: plant.nodeRed.log })
const outboxOf = ({ nodeRed }: Plant) => join(nodeRed.userDir, 'rowline/outbox/sink')
const clean = { held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }

function flipBit(file: string): void {
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(file, bytes)
}

test('a flipped bit, a cut file and a file of zeros in an outbox are named, the rest arrives, and Node-RED goes on', {
  timeout: 240_000,
}, async () => {
  const nobody = `127.0.0.1:${await freePort()}`
  await using plant = await startPlant({ ...shared, brokers: nobody, properties })
  const published = [...(await publish(plant, 3500))]
  await acknowledged(plant, 3500)
  await plant.nodeRed.kill9()
  const segments = readdirSync(outboxOf(plant)).filter((name) => name.endsWith('.seg'))
  assert.ok(segments.length >= 6, `${segments}`)
  const damaged = [0, 2, 4].map((index) => segments[index]!)
  const [bit, cut, zeros] = damaged.map((name) => join(outboxOf(plant), name)) as [string, string, string]
  flipBit(bit)
  truncateSync(cut, readFileSync(cut).length >> 1)
  writeFileSync(zeros, Buffer.alloc(readFileSync(zeros).length))
  await plant.restart()
  const { pid } = plant.nodeRed
  published.push(...(await publish(plant, 500, 3500)))
  await plant.nodeRed.deploy(
    plant.flow.map((node) => (node.id === 'kafka' ? { ...node, brokers: kafka.brokers } : node)),
  )
  await plant.nodeRed.statusIs('sink', ({ text }) => / outbox 0( |$)/.test(text ?? ''), 60_000)
  assert.equal(plant.nodeRed.pid, pid)
  const result = await plant.settle(published, kafka.brokers)
  const { lost } = result
  const expected = { ...clean, published: 4000, acknowledged: 4000, confirmed: 4000 - lost, deadLettered: 0, lost }
  assert.deepEqual({ ...result, duplicated: 0, examples: [] }, expected)
  const named = [
    ...plant.nodeRed.log().matchAll(/(\d+) stored entries cannot be read.* changed (.*) in .*\[OUTBOX_DAMAGED\]/g),
  ]
  const [, entries, files] = named.at(-1) ?? assert.fail(plant.nodeRed.log())
  process.stderr.write(`damage: ${lost} of 4000 are gone; the log counts ${entries} in ${files}\n`)
  assert.equal(lost, Number(entries))
  assert.deepEqual(files!.split(', ').sort(), damaged)
  assert.ok(lost > 0 && lost < 2000, `${lost}`)
})

test('an outbox folder that cannot be used is red and named, nothing is acknowledged, and it goes on by itself', {
  timeout: 240_000,
}, async () => {
  await using plant = await startPlant({ ...shared, brokers: kafka.brokers, properties })
  await plant.nodeRed.deploy(plant.flow.filter(({ id }) => id !== 'sink'))
  rmSync(outboxOf(plant), { recursive: true })
  writeFileSync(outboxOf(plant), 'no folder')
  await plant.nodeRed.deploy(plant.flow)
  const status = await plant.nodeRed.statusIs('sink', ({ fill }) => fill === 'red')
  assert.match(status.text ?? '', /^outbox not usable/)
  await logged(plant, new RegExp(`${outboxOf(plant)}.*OUTBOX_UNUSABLE`))
  const published = await publish(plant, 500)
  await wait(1000)
  assert.equal(plant.acknowledged(), 0)
  rmSync(outboxOf(plant))
  const result = await plant.settle(published, kafka.brokers)
  assert.deepEqual(result, { ...clean, published: 500, acknowledged: 500, confirmed: 500, deadLettered: 0 })
})

/** Writing to an outbox fails as on a full disk while there is a file `full` in the working directory. */
function fillable(packageDirectory: string): void {
  const file = join(packageDirectory, 'dist/src/outbox/files.js')
  const code = readFileSync(file, 'utf8')
  const full = "Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })"
  const broken = code.replace(
    /(\n {4}write\(bytes, position\) \{)/,
    `$1 if (fs.existsSync('full')) return Promise.reject(${full});`,
  )
  assert.notEqual(broken, code, 'the place to break is not there any more')
  writeFileSync(file, broken)
}

test('while the disk is full nothing is acknowledged and the node says why; with room again all goes on', {
  timeout: 240_000,
}, async () => {
  await using plant = await startPlant({ ...shared, brokers: kafka.brokers, properties, patch: fillable })
  const published = [...(await publish(plant, 500))]
  await acknowledged(plant, 500)
  const full = join(plant.nodeRed.userDir, 'full')
  mkdirSync(full)
  published.push(...(await publish(plant, 500, 500)))
  await plant.nodeRed.statusIs('sink', ({ fill, text }) => fill === 'red' && /^outbox disk fails/.test(text ?? ''))
  await logged(plant, /ENOSPC.*OUTBOX_FAILED/)
  assert.equal(plant.acknowledged(), 500)
  await plant.nodeRed.kill9()
  await plant.restart()
  await logged(plant, /ENOSPC.*OUTBOX_FAILED/)
  await wait(1000)
  assert.equal(plant.acknowledged(), 500)
  rmSync(full, { recursive: true })
  const result = await plant.settle(published, kafka.brokers)
  const expected = { ...clean, published: 1000, acknowledged: 1000, confirmed: 1000, deadLettered: 0 }
  assert.deepEqual({ ...result, duplicated: 0 }, expected)
})
