import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import kafkajs from 'kafkajs'

/** Counts the rows that have arrived since the demo began. */
export interface RowCounter {
  /** Where the rows are, as said to the user: shortly, and in full. */
  readonly name: string
  readonly place: string
  /** A row as it is stored, once there is one. */
  readonly sample: string | undefined
  count(): Promise<number>
  close(): Promise<void>
}

const LINE_FEED = 0x0a

/** The lines of an NDJSON file, which need not exist yet and is replaced by a new one when it has grown large. */
export function countLines(path: string): RowCounter {
  let file: FileHandle | undefined
  let position = 0
  let lines = 0
  let sample: string | undefined
  const readOn = async () => {
    const buffer = Buffer.alloc(64 * 1024)
    for (;;) {
      const { bytesRead } = await file!.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) return
      const bytes = buffer.subarray(0, bytesRead)
      sample ??= bytes.toString().split('\n')[0]
      for (const byte of bytes) if (byte === LINE_FEED) lines++
      position += bytesRead
    }
  }
  const isReplaced = async () => (await file!.stat()).ino !== (await stat(path).catch(() => undefined))?.ino
  const close = async () => {
    await file?.close()
    file = undefined
    position = 0
  }
  return {
    name: basename(path),
    place: path,
    get sample() {
      return sample
    },
    count: async () => {
      file ??= await open(path).catch(() => undefined)
      if (!file) return lines
      await readOn()
      if (await isReplaced()) await close()
      return lines
    },
    close,
  }
}

/** The records of these Kafka topics, by their offsets. Rejects when the cluster cannot be reached. */
export async function countRecords(brokers: string, topics: readonly string[]): Promise<RowCounter> {
  const { Kafka, logLevel } = kafkajs
  const client = new Kafka({
    clientId: 'rowline-demo',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 2 },
  })
  const admin = client.admin()
  await admin.connect().catch((error: Error) => {
    throw new Error(`Kafka at ${brokers} (KAFKA_BROKERS) cannot be reached: ${error.message}`)
  })
  const total = async () => {
    const existing = (await admin.listTopics()).filter((topic) => topics.includes(topic))
    const partitions = await Promise.all(existing.map((topic) => admin.fetchTopicOffsets(topic)))
    return partitions.flat().reduce((sum, { high }) => sum + Number(high), 0)
  }
  const before = await total()
  return {
    name: 'Kafka',
    place: `Kafka at ${brokers}, topics ${topics[0]} to ${topics.at(-1)}`,
    sample: undefined,
    count: async () => (await total()) - before,
    close: () => admin.disconnect(),
  }
}
