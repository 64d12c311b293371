import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTopic } from '../services/kafka-topics.ts'
import type { Numbered } from '../services/publisher.ts'
import type { Pubsub } from '../services/pubsub.ts'

interface NumberedRow {
  readonly n: number
  readonly topic?: string
}

/** Rows with the columns `n` and `topic`, in the order of the partitions; without the column, the header names the topic. */
export async function readKafka(brokers: string, topic: string): Promise<readonly Numbered[]> {
  const records = await readTopic(brokers, topic, { timeoutMs: 120_000 })
  return records.map(({ value, headers }) => {
    const row = JSON.parse(String(value)) as NumberedRow
    return { number: row.n, topic: row.topic ?? headers['mqtt.topic'] ?? '' }
  })
}

/** The same in the messages of a Pub/Sub topic, in the order in which it has taken them. */
export function readPubsub(pubsub: Pubsub, topic: string): readonly Numbered[] {
  return pubsub.stored(topic).map(({ data, attributes }) => {
    const row = JSON.parse(String(data)) as NumberedRow
    return { number: row.n, topic: row.topic ?? attributes['mqtt.topic'] ?? '' }
  })
}

/** Rows in the NDJSON files of a file-sink in its directory, finished files first. */
export function readRows(directory: string): readonly Numbered[] {
  return lines(directory).map((line) => {
    const { n, topic = '' } = JSON.parse(line) as NumberedRow
    return { number: n, topic }
  })
}

/** A message as it was published. */
export function readMessage({ topic, payload }: { readonly topic: string; readonly payload: Buffer }): Numbered {
  return { topic, number: (JSON.parse(String(payload)) as NumberedRow).n }
}

/** Dead letters of every node below `<userDir>/rowline/dead-letter`, whose payload was a numbered message. */
export function readDeadLetters(directory: string): readonly Numbered[] {
  return lines(directory).map((line) => {
    const { payload, encoding, topic } = JSON.parse(line) as {
      readonly payload: string
      readonly encoding?: string
      readonly topic: string
    }
    const text = encoding === 'base64' ? Buffer.from(payload, 'base64').toString() : payload
    return { number: (JSON.parse(text) as NumberedRow).n, topic }
  })
}

/** `rows.2030-...ndjson` sorts before `rows.ndjson`. A line without its line feed was cut off by a crash. */
function lines(directory: string): string[] {
  const files = globSync('**/*.ndjson', { cwd: directory }).sort()
  return files.flatMap((file) => readFileSync(join(directory, file), 'utf8').split('\n').slice(0, -1))
}
