import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Kafka, type KafkaOptions, startKafka } from '../test/services/kafka.ts'
import { startRealBroker } from './brokers.ts'
import { connectEndOffsets, type EndOffsets } from './end-offsets.ts'
import type { Services } from './measure.ts'

export const results = join(import.meta.dirname, 'results')

/** `--quick`: a small run that shows that all works, and writes no files. */
export function isQuick(): boolean {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
  return values.quick
}

/** A Kafka of its own. */
export async function withKafka(use: (kafka: Kafka, ends: EndOffsets) => Promise<void>, options: KafkaOptions = {}) {
  const kafka = await startKafka(options)
  try {
    await using ends = await connectEndOffsets(kafka.brokers)
    await use(kafka, ends)
  } finally {
    await kafka.stop()
  }
}

/** A mosquitto and a Kafka of their own. */
export async function withServices(use: (services: Services) => Promise<void>): Promise<void> {
  await using broker = await startRealBroker()
  await withKafka((kafka, ends) => use({ broker, brokers: kafka.brokers, ends }))
}

/** Prints what has been found and, unless the run was quick, keeps it as `results/<name>.md` and `.json`. */
export function publish(name: string, result: object, text: string): void {
  console.log(`\n${text}`)
  if (isQuick()) return
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(results, `${name}.md`), text)
}
