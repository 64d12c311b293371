import type { MessageToProduce, ProduceResult, Producer } from '@platformatic/kafka'
import { missingPartition } from './errors.ts'

type Library = typeof import('@platformatic/kafka')

/** By topic, where the records of a write go. */
export type WantedPartitions = ReadonlyMap<string, ReadonlySet<number>>

export function wantedPartitions(messages: readonly MessageToProduce[]): WantedPartitions {
  const wanted = new Map<string, Set<number>>()
  for (const { topic, partition } of messages) {
    const partitions = wanted.get(topic)
    if (partitions) partitions.add(partition!)
    else wanted.set(topic, new Set([partition!]))
  }
  return wanted
}

/**
 * Where a topic is made again with fewer partitions, the library looks for the leader of one that is not there any more,
 * and the TypeError ends the process. From now on it hears instead that the partition is missing.
 */
export function knowPartitions(library: Library, producer: Producer, wanted: () => WantedPartitions): void {
  const ask = producer[library.kMetadata].bind(producer)
  producer[library.kMetadata] = (options, done) =>
    ask(options, (error, metadata) => {
      const isThere = (topic: string, partition: number) => {
        const known = metadata?.topics.get(topic)
        return known === undefined || known.partitions[partition] !== undefined
      }
      const missing = error ? undefined : findMissing(wanted(), isThere)
      done(missing ? Object.assign(missingPartition(missing), { canRetry: false }) : error, metadata)
    })
}

/** Throws where Kafka has not confirmed each of them. */
export function requireAnswers(wanted: WantedPartitions, { offsets = [] }: ProduceResult): void {
  const answered = new Set(offsets.map(({ topic, partition }) => `${topic}:${partition}`))
  const missing = findMissing(wanted, (topic, partition) => answered.has(`${topic}:${partition}`))
  if (missing) throw missingPartition(missing)
}

function findMissing(wanted: WantedPartitions, isThere: (topic: string, partition: number) => boolean) {
  for (const [topic, partitions] of wanted) {
    for (const partition of partitions) if (!isThere(topic, partition)) return { topic, partition }
  }
  return undefined
}
