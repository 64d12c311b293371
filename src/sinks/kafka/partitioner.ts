import { crc32 } from 'node:zlib'
import type { KafkaSinkConfig } from './config.ts'

/** A number whose rest by the count of partitions is the partition of a key. */
export type KeyHash = (key: Uint8Array) => number

/** `murmur2` is what the Java client does, `consistent` what librdkafka does unless told otherwise. */
export const keyHashes: { readonly [name in KafkaSinkConfig['partitioner']]: KeyHash } = {
  murmur2: (key) => murmur2(key) & 0x7fffffff,
  consistent: (key) => crc32(key),
}

const seed = 0x9747b28c
const m = 0x5bd1e995

function murmur2(key: Uint8Array): number {
  const whole = key.length & ~3
  let hash = seed ^ key.length
  for (let i = 0; i < whole; i += 4) {
    const word = key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16) | (key[i + 3]! << 24)
    hash = Math.imul(hash, m) ^ mix(word)
  }
  if (key.length > whole) {
    for (let i = whole; i < key.length; i++) hash ^= key[i]! << (8 * (i - whole))
    hash = Math.imul(hash, m)
  }
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}

function mix(word: number): number {
  const mixed = Math.imul(word, m)
  return Math.imul(mixed ^ (mixed >>> 24), m)
}
