/**
 * Our Kafka clients and librdkafka, producing the same records: `npm run bench:kafka`, or for a small run that writes
 * no files `npm run bench:kafka -- --quick`.
 */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { createTopic } from '../test/services/kafka-topics.ts'
import { runCommand, temporaryDirectory } from '../test/services/processes.ts'
import type { EndOffsets } from './end-offsets.ts'
import type { Produced, ProducerLoad } from './kafka/load.ts'
import { markdown, type Production } from './kafka/report.ts'
import { describeMachine } from './machine.ts'
import { peerCache } from './peers/install.ts'
import { installPython } from './peers/python/peer.ts'
import { irregularPayload } from './readings.ts'
import { inTurn } from './rounds.ts'
import { isQuick, publish, withKafka } from './stage.ts'

interface Plan {
  readonly rounds: number
  readonly sizes: readonly number[]
  readonly warmUp: number
  readonly records: number
}

const full: Plan = { rounds: 3, sizes: [272, 1024], warmUp: 20_000, records: 100_000 }
const quick: Plan = { rounds: 1, sizes: [272], warmUp: 5000, records: 20_000 }
const partitions = 6
const batchRecords = 500
const distinct = 20_000

interface Contestant {
  readonly name: Production['client']
  readonly compressions: readonly string[]
  readonly command: readonly string[]
}

const node = (client: 'platformatic' | 'kafkajs') => [
  process.execPath,
  join(import.meta.dirname, 'kafka/producer.ts'),
  client,
]
const all = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

async function contestants(): Promise<{ readonly entrants: readonly Contestant[]; readonly python: string }> {
  const { program, versions } = await installPython(join(peerCache, 'python'))
  const librdkafka = (mode: string) => [program, join(import.meta.dirname, 'kafka/producer.py'), mode]
  const entrants: Contestant[] = [
    { name: 'platformatic', compressions: all, command: node('platformatic') },
    { name: 'kafkajs', compressions: ['none', 'gzip'], command: node('kafkajs') },
    { name: 'librdkafka', compressions: all, command: librdkafka('streaming') },
    { name: 'librdkafka, batches', compressions: ['none'], command: librdkafka('batches') },
  ]
  return { entrants, python: versions }
}

/** Fails when Kafka does not have exactly what was sent. */
async function produce(
  { name, command }: Contestant,
  ends: EndOffsets,
  load: Omit<ProducerLoad, 'topic'>,
): Promise<Produced & { readonly loadAverage: number }> {
  const topic = `bench-${randomUUID().slice(0, 8)}`
  await createTopic(load.brokers, topic, partitions)
  const loadAverage = loadavg()[0]!
  const [program, ...args] = command
  const printed = await runCommand(program!, [...args, JSON.stringify({ ...load, topic })])
  const [stored, sent] = [await ends.total(topic), load.warmUp + load.records]
  if (stored !== sent) throw new Error(`${name} has sent ${sent} records, and Kafka has ${stored}`)
  return { ...(JSON.parse(printed.trim().split('\n').at(-1)!) as Produced), loadAverage }
}

await withKafka(async ({ brokers }, ends) => {
  const { rounds, sizes, ...counts } = isQuick() ? quick : full
  const machine = await describeMachine()
  const directory = temporaryDirectory('bench-kafka')
  const { entrants, python } = await contestants()
  const productions: Production[] = []
  for (const bytes of sizes) {
    const values = join(directory, `values-${bytes}`)
    writeFileSync(values, Array.from({ length: distinct }, (_, n) => irregularPayload(n, bytes)).join('\n'))
    for (let round = 0; round < rounds; round++)
      for (const compression of isQuick() ? ['none', 'gzip'] : all)
        for (const entrant of inTurn(entrants, round).filter(({ compressions }) =>
          compressions.includes(compression),
        )) {
          const produced = await produce(entrant, ends, { brokers, values, compression, batchRecords, ...counts })
          productions.push({ client: entrant.name, bytes, compression, round, ...produced })
          console.log(JSON.stringify(productions.at(-1)))
        }
  }
  const result = {
    date: new Date().toISOString(),
    machine,
    python,
    rounds,
    records: counts.records,
    batchRecords,
    productions,
  }
  publish('kafka', result, markdown(result))
})
