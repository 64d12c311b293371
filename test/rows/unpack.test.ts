import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { PipelineError } from '../../src/core/errors.ts'
import { createUnpack } from '../../src/rows/unpack.ts'

const pack = { gzip: gzipSync, zlib: deflateSync, zstd: zstdCompressSync }
const names = Object.keys(pack) as (keyof typeof pack)[]
const limit = 100_000

function unpacked(compression: keyof typeof pack, bytes: Uint8Array, maxUnpackedBytes = limit): Uint8Array | string {
  try {
    return createUnpack({ compression, maxUnpackedBytes })(bytes)
  } catch (error) {
    assert.ok(error instanceof PipelineError && error.disposition === 'reject', String(error))
    return `${error.code} ${error.reason}`
  }
}

for (const name of names) {
  test(`${name}: what was packed comes out again, up to the limit exactly`, () => {
    for (const size of [0, 1, 300, limit]) {
      const bytes = Buffer.alloc(size, 'reading ')
      assert.deepEqual(Buffer.from(unpacked(name, pack[name](bytes)) as Uint8Array), bytes)
    }
    assert.equal(unpacked(name, pack[name](Buffer.alloc(limit + 1))), 'UNPACKED_TOO_LARGE too-large')
  })

  test(`${name}: a bomb is stopped at the limit, whatever would come`, () => {
    const bomb = pack[name](Buffer.alloc(300 << 20))
    const before = process.cpuUsage()
    const heldBefore = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 10; i++) assert.equal(unpacked(name, bomb), 'UNPACKED_TOO_LARGE too-large')
    const { user, system } = process.cpuUsage(before)
    assert.ok(user + system < 2_000_000, `${user + system} us`)
    assert.ok(process.memoryUsage().arrayBuffers - heldBefore < 50 << 20)
  })

  test(`${name}: what is damaged, cut, longer or something else is refused`, () => {
    const good = pack[name](Buffer.from('{"a":1}'))
    const cases = [
      Buffer.from('{"a":1}'),
      good.subarray(0, -1),
      good.subarray(0, 4),
      good.subarray(1),
      Buffer.concat([good, Buffer.from('x')]),
    ]
    for (const bytes of cases) assert.equal(unpacked(name, bytes), 'COMPRESSION_INVALID compression')
  })

  test(`${name}: any bytes give bytes or a PipelineError, also damaged ones`, () => {
    const good = pack[name](Buffer.from('{"ts":1729312551000,"measurement":120}'.repeat(20)))
    const damaged = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(good)
      bytes[at] = byte
      return bytes
    })
    const property = fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      const result = unpacked(name, bytes)
      if (typeof result !== 'string') assert.ok(result.length <= limit)
    })
    fc.assert(property, { seed: 11, numRuns: 1000 })
  })
}

test('many small bombs of one message share the room; data that is packed as usual needs none of it', () => {
  const unpack = createUnpack({ compression: 'gzip', maxUnpackedBytes: limit })
  const bomb = gzipSync(Buffer.alloc(limit))
  const data = gzipSync(randomBytes(1000))
  const room = { left: 2.5 * limit }
  const results = Array.from({ length: 5 }, () => {
    try {
      return unpack(bomb, room).length
    } catch (error) {
      return (error as PipelineError).code
    }
  })
  assert.deepEqual(results, [limit, limit, 'UNPACKED_TOO_LARGE', 'UNPACKED_TOO_LARGE', 'UNPACKED_TOO_LARGE'])
  assert.equal(unpack(data, { left: 0 }).length, 1000)
})

test('without compression the bytes are the payload, above the limit too', () => {
  const bytes = Buffer.alloc(2000)
  assert.equal(createUnpack({ compression: 'none', maxUnpackedBytes: 1024 })(bytes), bytes)
})
