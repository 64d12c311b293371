import type { KafkaRequest } from './request.ts'

/** The records of one `send` for one partition, in their order. */
export interface PartitionBatch {
  readonly topic: string
  readonly partition: number
  readonly requests: readonly KafkaRequest[]
}

/** Which partition a record goes to. Records without key go to one partition per `send`. */
export class Partitions {
  readonly #hash: (key: Buffer) => number
  readonly #hashes = new WeakMap<Buffer, number>()
  #keyless = 0

  constructor(hash: (key: Buffer) => number) {
    this.#hash = hash
  }

  /** `count` says how many partitions a topic has. */
  batches(requests: readonly KafkaRequest[], count: (topic: string) => number): readonly PartitionBatch[] {
    const keyless = this.#keyless++ & 0x7fffffff
    const batches = new Map<string, { topic: string; partition: number; requests: KafkaRequest[] }>()
    for (const request of requests) {
      const { topic, key } = request
      const partition = (key ? this.#hashOf(key) : keyless) % count(topic)
      const name = `${topic}:${partition}`
      const batch = batches.get(name)
      if (batch) batch.requests.push(request)
      else batches.set(name, { topic, partition, requests: [request] })
    }
    return [...batches.values()]
  }

  #hashOf(key: Buffer): number {
    const known = this.#hashes.get(key)
    if (known !== undefined) return known
    const hash = this.#hash(key)
    this.#hashes.set(key, hash)
    return hash
  }
}
