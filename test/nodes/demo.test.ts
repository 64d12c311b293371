import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startKafka } from '../services/kafka.ts'
import { readTopic } from '../services/kafka-topics.ts'
import { projectDirectory } from '../services/package.ts'
import { runCommand, startProcess, temporaryDirectory } from '../services/processes.ts'

const script = join(projectDirectory, 'scripts/demo.ts')
const run = (args: readonly string[], env: { readonly [name: string]: string }) =>
  runCommand(process.execPath, [script, ...args], { name: 'demo', env })

const columns = ['ts', 'metadata', 'measurement']
const metadata = ['siteId', 'deviceId', 'sensorId', 'unit', 'ts_human', 'location', 'deviceType']

/** How many readings were published, as the demo says at its end. */
function published(output: string, target: string): number {
  const [, readings, rows] = new RegExp(`^(\\d+) readings published, (\\d+) rows in ${target}$`, 'm').exec(output) ?? []
  assert.ok(Number(readings) > 0, output)
  assert.equal(rows, readings)
  return Number(readings)
}

test('the demo makes a typed row of every reading of three plants, says where things are, and ends', async () => {
  const directory = temporaryDirectory('demo')
  const output = await run(['--seconds', '3', '--data', directory], { KAFKA_BROKERS: '' })
  const rows = readFileSync(join(directory, 'rowline/rows.ndjson'), 'utf8').trimEnd().split('\n')
  assert.equal(rows.length, published(output, 'rows.ndjson'))
  const parsed = rows.map((row) => JSON.parse(row))
  for (const row of parsed) {
    assert.deepEqual(Object.keys(row), columns)
    assert.deepEqual(Object.keys(row.metadata), metadata)
  }
  assert.deepEqual([...new Set(parsed.map((row) => row.metadata.siteId))].sort(), [101, 102, 103])
  assert.match(output, /Editor {2,}http:\/\/127\.0\.0\.1:\d+/)
  assert.ok(output.includes(join(directory, 'rowline/rows.ndjson')))
  assert.ok(output.split('\n').filter((line) => /readings published .* rows in rows\.ndjson/.test(line)).length >= 3)
})

test('Ctrl-C ends the demo in order: the last readings are rows, and Node-RED has stopped', async () => {
  const directory = temporaryDirectory('demo')
  await using demo = startProcess(process.execPath, [script, '--data', directory], { env: { KAFKA_BROKERS: '' } })
  await demo.waitFor(/[1-9]\d* rows in rows/, 60_000)
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(demo.output())![0]
  assert.equal((await fetch(url)).status, 200)
  demo.signal('SIGINT')
  assert.deepEqual(await demo.exited, { code: 0, signal: null })
  published(demo.output(), 'rows.ndjson')
  await assert.rejects(fetch(url))
})

test('with KAFKA_BROKERS the demo writes the rows to that Kafka', async () => {
  const kafka = await startKafka()
  try {
    const output = await run(['--seconds', '2', '--data', temporaryDirectory('demo')], { KAFKA_BROKERS: kafka.brokers })
    const records = await Promise.all(
      ['north', 'south', 'east'].map((plant) => readTopic(kafka.brokers, `factory_iot_${plant}_101`, { count: 1 })),
    )
    assert.equal(records.flat().length * 6, published(output, 'Kafka'))
  } finally {
    await kafka.stop()
  }
})

test('a demo without a reachable Kafka fails and says which one', async () => {
  const brokers = '127.0.0.1:1'
  const args = ['--seconds', '1', '--data', temporaryDirectory('demo')]
  await assert.rejects(
    run(args, { KAFKA_BROKERS: brokers }),
    /Kafka at 127\.0\.0\.1:1 \(KAFKA_BROKERS\) cannot be reached/,
  )
})
