import type { KeyHash } from './partitioner.ts'
import type { KafkaRequest } from './request.ts'

/** Which partition a record goes to. */
export class Partitions {
  readonly #hash: KeyHash
  readonly #hashes = new WeakMap<Buffer, number>()
  #keyless = 0

  constructor(hash: KeyHash) {
    this.#hash = hash
  }

  /** For one `send`: its records without key go to one partition. `count` is how many there are. */
  chooser(): (key: Buffer | undefined, count: number) => number {
    const keyless = this.#keyless++ & 0x7fffffff
    return (key, count) => (key ? this.#hashOf(key) : keyless) % count
  }

  #hashOf(key: Buffer): number {
    const known = this.#hashes.get(key)
    if (known !== undefined) return known
    const hash = this.#hash(key)
    this.#hashes.set(key, hash)
    return hash
  }
}

/** The records of one `send` for one partition, in their order. */
export interface PartitionBatch {
  readonly topic: string
  readonly partition: number
  readonly requests: readonly KafkaRequest[]
}

export function batchesOf(
  requests: readonly KafkaRequest[],
  partitionOf: (request: KafkaRequest) => number,
): readonly PartitionBatch[] {
  const batches = new Map<string, { topic: string; partition: number; requests: KafkaRequest[] }>()
  for (const request of requests) {
    const { topic } = request
    const partition = partitionOf(request)
    const name = `${topic}:${partition}`
    const batch = batches.get(name)
    if (batch) batch.requests.push(request)
    else batches.set(name, { topic, partition, requests: [request] })
  }
  return [...batches.values()]
}
