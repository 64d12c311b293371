import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pieces } from '../../src/sinks/file/durable.ts'

test('lines of any sizes become the same bytes; small ones go together, and a large one is not copied', () => {
  const sizes = fc.array(fc.oneof(fc.nat(1000), fc.integer({ min: 200_000, max: 400_000 })), { maxLength: 30 })
  fc.assert(
    fc.property(sizes, (all) => {
      const lines: readonly Uint8Array[] = all.map((size, n) => Buffer.alloc(size, n))
      const found = [...pieces(lines)]
      assert.ok(Buffer.concat(found).equals(Buffer.concat(lines)))
      assert.ok(found.every((piece) => piece.length > 0))
      for (const piece of found) assert.ok(piece.length <= 256 << 10 || lines.includes(piece), `${all}`)
    }),
  )
})
