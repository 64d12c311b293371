import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, runKafkaTool, startKafka } from '../services/kafka.ts'
import { createKafkaSink, forever } from './kafka-harness.ts'

describe('kafka-sink compresses', () => {
  let kafka: Kafka
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.stop())

  const count = 500
  const text = (n: number) => `${n}:${'pressure '.repeat(n % 97)}ü`

  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
  const cases = [
    ...codecs.map((compression) => ({ client: 'platformatic', compression })),
    ...codecs.slice(0, 2).map((compression) => ({ client: 'kafkajs', compression })),
  ]
  for (const { client, compression } of cases) {
    it(`with ${compression}, as the broker's own log says, and Java reads every record (${client})`, async () => {
      const topic = `codec-${client}-${compression}`
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers, client }, sink: { topic, compression } })
      await sink.open(forever)
      for (const size of [count, 1]) {
        const records = Array.from({ length: size }, (_, n) => reading(n, { payload: text(n) }))
        await sink.write(
          records.map((record) => sink.prepare(record).request),
          forever,
        )
      }
      await sink.close()
      const segment = join(kafka.directory, 'data', `${topic}-0`, '00000000000000000000.log')
      const bytes = await readFile(segment)
      // Record batch: base offset 8, length 4, leader epoch 4, magic 1, crc 4, attributes 2 (codec in the low bits).
      assert.equal(bytes.readInt16BE(21) & 7, codecs.indexOf(compression))
      assert.equal(bytes.length < 100_000, compression !== 'none')
      const dump = ['--deep-iteration', '--print-data-log', '--files', segment]
      const log = await runKafkaTool('org.apache.kafka.tools.DumpLogSegments', dump)
      assert.equal(log.match(new RegExp(`compresscodec: ${compression} `, 'g'))?.length, 2)
      const payloads = [...log.matchAll(/ payload: (.*)$/gm)].map(([, payload]) => payload)
      assert.deepEqual(payloads, [...Array.from({ length: count }, (_, n) => text(n)), text(0)])
    })
  }
})
