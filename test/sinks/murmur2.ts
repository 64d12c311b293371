const m = 0x5bd1e995

/** The hash of the Java client's default partitioner, as a signed 32-bit number. */
export function murmur2(data: Uint8Array): number {
  let hash = 0x9747b28c ^ data.length
  const rest = data.length & ~3
  for (let i = 0; i < rest; i += 4) {
    let word = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24)
    word = Math.imul(word, m)
    word = Math.imul(word ^ (word >>> 24), m)
    hash = Math.imul(hash, m) ^ word
  }
  if (data.length > rest) {
    for (let i = data.length - 1; i >= rest; i--) hash ^= data[i]! << (8 * (i - rest))
    hash = Math.imul(hash, m)
  }
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
