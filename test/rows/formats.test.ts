import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode as decodeByLibrary, ExtData, encode } from '@msgpack/msgpack'
import { encode as encodeCbor } from 'cborg'
import fc from 'fast-check'
import { PipelineError } from '../../src/core/errors.ts'
import { type Payload, toJson, type Value } from '../../src/core/record.ts'
import { decodeCbor } from '../../src/rows/formats/cbor.ts'
import { decodeMessagePack } from '../../src/rows/formats/messagepack.ts'
import { decodeText, wrapBytes } from '../../src/rows/formats/plain.ts'

type Decode = (bytes: Uint8Array) => Payload
const decoders = { CBOR: decodeCbor, MessagePack: decodeMessagePack } as const
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const seed = Number(process.env.ROWLINE_FUZZ_SEED ?? 11)

/** The value, or why there is none. */
function outcome(decode: Decode, bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch (error) {
    assert.ok(error instanceof PipelineError && error.disposition === 'reject', String((error as Error).stack))
    assert.ok(error.message.length < 300, error.message)
    return `${error.code}: ${error.message}`
  }
}

/** From RFC 8949, appendix A, but for what JSON has no word for. */
const cborValues: readonly (readonly [string, unknown])[] = [
  ['00', 0],
  ['18 64', 100],
  ['1b 000000e8d4a51000', 1000000000000],
  ['1b ffffffffffffffff', 18446744073709551615n],
  ['3b ffffffffffffffff', -18446744073709551616n],
  ['c2 49 010000000000000000', 18446744073709551616n],
  ['c3 49 010000000000000000', -18446744073709551617n],
  ['c2 41 05', 5],
  ['1b 001fffffffffffff', 9007199254740991],
  ['1b 0020000000000000', 9007199254740992n],
  ['20', -1],
  ['39 03e7', -1000],
  ['f9 0000', 0],
  ['f9 8000', -0],
  ['f9 3e00', 1.5],
  ['fb 3ff199999999999a', 1.1],
  ['fa 47c35000', 100000],
  ['fb 7e37e43c8800759c', 1.0e300],
  ['f9 0001', 2 ** -24],
  ['f9 7c00', 'Infinity'],
  ['f9 7e00', 'NaN'],
  ['fb fff0000000000000', '-Infinity'],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['f7', null],
  ['c0 74 323031332d30332d32315432303a30343a30305a', '2013-03-21T20:04:00Z'],
  ['c0 78 19 323031332d30332d32315432323a30343a30302b30323a3030', '2013-03-21T20:04:00Z'],
  ['c1 1a 514b67b0', '2013-03-21T20:04:00Z'],
  ['c1 fb 41d452d9ec200000', '2013-03-21T20:04:00.5Z'],
  ['d7 44 01020304', hex('01020304')],
  ['d8 20 76 687474703a2f2f7777772e6578616d706c652e636f6d', 'http://www.example.com'],
  ['d9 d9f7 83 010203', [1, 2, 3]],
  ['40', Buffer.alloc(0)],
  ['44 01020304', hex('01020304')],
  ['5f 42 0102 43 030405 ff', undefined],
  ['60', ''],
  ['64 49455446', 'IETF'],
  ['62 c3bc', 'ü'],
  ['63 efbfbd', '\ufffd'],
  ['80', []],
  ['83 01 82 0203 82 0405', [1, [2, 3], [4, 5]]],
  ['9f 01 82 0203 9f 0405 ff ff', [1, [2, 3], [4, 5]]],
  ['a0', {}],
  ['a2 61 61 01 61 62 82 0203', { a: 1, b: [2, 3] }],
  ['a2 01 02 03 04', { 1: 2, 3: 4 }],
  ['a1 3b 7fffffffffffffff 01', { '-9223372036854775808': 1 }],
  ['bf 61 61 01 61 62 9f 0203 ff ff', { a: 1, b: [2, 3] }],
  ['a2 61 61 01 61 61 02', { a: 2 }],
]

test('CBOR: the examples of its specification', () => {
  for (const [bytes, expected] of cborValues) {
    const found = outcome(decodeCbor, hex(bytes))
    if (expected === undefined) assert.match(String(found), /^BINARY_INVALID: The payload is not valid CBOR: /, bytes)
    else assert.deepStrictEqual(found, expected, bytes)
  }
})

test('CBOR: what is cut, followed by something, or means nothing is refused with the reason', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /did not find any content/],
    ['83 01 02', /not enough/],
    ['1b 0000', /./],
    ['62 c3', /./],
    ['00 00', /too many/],
    ['ff', /break/],
    ['1c', /./],
    ['61 ff', /a text is not UTF-8/],
    ['63 efbf41', /a text is not UTF-8/],
    ['c4 82 21 19 6ab3', /tag not supported \(4\)/],
    ['c0 61 78', /a date is none/],
    ['c0 01', /a date is none/],
    ['c1 fb 7ff0000000000000', /a date is none/],
    ['c1 1b ffffffffffffffff', /a date is none/],
    ['c2 01', /a big number is none/],
    ['a1 80 01', /a key is neither text nor a whole number/],
    ['a1 f93e00 01', /a key is neither text nor a whole number/],
    ['f0', /./],
  ]
  for (const [bytes, expected] of cases) assert.match(String(outcome(decodeCbor, hex(bytes))), expected, bytes)
  assert.match(
    String(outcome(decodeCbor, Buffer.concat([hex('c2 59 0191'), Buffer.alloc(401, 1)]))),
    /a number has more than 400 bytes/,
  )
})

const messagePackValues: readonly (readonly [string, unknown])[] = [
  ['00', 0],
  ['7f', 127],
  ['e0', -32],
  ['ff', -1],
  ['cc ff', 255],
  ['cd ffff', 65535],
  ['ce ffffffff', 4294967295],
  ['cf 001fffffffffffff', 9007199254740991],
  ['cf ffffffffffffffff', 18446744073709551615n],
  ['d0 80', -128],
  ['d1 8000', -32768],
  ['d2 80000000', -2147483648],
  ['d3 8000000000000000', -9223372036854775808n],
  ['d3 ffffffffffffffff', -1],
  ['ca 41ac0000', 21.5],
  ['cb 3ff199999999999a', 1.1],
  ['cb 7ff8000000000000', 'NaN'],
  ['ca ff800000', '-Infinity'],
  ['c0', null],
  ['c2', false],
  ['c3', true],
  ['a0', ''],
  ['a2 c3bc', 'ü'],
  ['d9 01 61', 'a'],
  ['da 0001 61', 'a'],
  ['db 00000001 61', 'a'],
  ['c4 02 00ff', hex('00ff')],
  ['c5 0000', Buffer.alloc(0)],
  ['c6 00000001 80', hex('80')],
  ['90', []],
  ['92 01 91 02', [1, [2]]],
  ['dc 0001 c0', [null]],
  ['dd 00000001 c0', [null]],
  ['80', {}],
  ['82 a161 01 a162 02', { a: 1, b: 2 }],
  ['82 a161 01 a161 02', { a: 2 }],
  ['de 0001 05 06', { 5: 6 }],
  ['df 00000001 d3 8000000000000000 06', { '-9223372036854775808': 6 }],
  ['d6 ff 6863cdc0', '2025-07-01T12:00:00Z'],
  ['d7 ff 7735940068 63cdc0', '2025-07-01T12:00:00.5Z'],
  ['d7 ff 0000000468 63cdc0', '2025-07-01T12:00:00.000000001Z'],
  ['c7 0c ff 00000001 ffffffffffffffff', '1969-12-31T23:59:59.000000001Z'],
]

test('MessagePack: every form of its specification', () => {
  for (const [bytes, expected] of messagePackValues)
    assert.deepStrictEqual(outcome(decodeMessagePack, hex(bytes)), expected, bytes)
})

test('MessagePack: what is cut, followed by something, or means nothing is refused with the place', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /it ends too early \(at byte 1\)/],
    ['92 01', /ends too early/],
    ['a5 61', /ends too early/],
    ['cf 00', /ends too early/],
    ['c4 05 00', /ends too early/],
    ['d4', /ends too early/],
    ['00 00', /there is something behind its end \(at byte 2\)/],
    ['c1', /the byte 0xc1 begins no value/],
    ['a1 ff', /a text is not UTF-8/],
    ['d4 05 00', /the extension type 5 is not known/],
    ['d4 ff 00', /a timestamp is none/],
    ['d7 ff ffffffff 00000000', /a timestamp is none/],
    ['c7 0c ff 00000000 7fffffffffffffff', /a timestamp is none/],
    ['81 90 01', /a key is neither text nor a whole number/],
    ['81 c0 01', /a key is neither/],
    ['81 cb 3ff8000000000000 01', /a key is neither/],
  ]
  for (const [bytes, expected] of cases) assert.match(String(outcome(decodeMessagePack, hex(bytes))), expected, bytes)
})

const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 0, 127, 128, -32, -33, 65536, 2 ** 32, 2 ** 53 - 1, 'x', '', '__proto__'),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.maxSafeInteger(),
    fc.double().map((number) => number + 0),
    fc.string({ unit: fc.constantFrom('a', 'ü', '😀', '\ufffd', '\u0000'), maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'constructor', 'toString', '1'), tie('value'), { noNullPrototype: true }),
  ),
})).value

/** What a value is after its way through a binary format. */
function expectedOf(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(expectedOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, expectedOf(inner)]))
}

test('any value that a library has written comes back: integers exact, bytes, NaN', () => {
  const property = fc.property(anyValue, (value) => {
    const expected = expectedOf(value)
    assert.deepStrictEqual(decodeMessagePack(encode(value, { useBigInt64: true })), expected)
    assert.deepStrictEqual(decodeCbor(encodeCbor(value)), expected)
    toJson(expected as Value)
  })
  fc.assert(property, { seed, numRuns: 2000 })
})

test('MessagePack: what the library reads, we read the same, and what it refuses, we refuse', () => {
  const damaged = fc
    .tuple(anyValue, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }))
    .map(([value, changes]) => {
      const bytes = encode(value, { useBigInt64: true }).slice()
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      return bytes
    })
  const seen = { values: 0, refused: 0 }
  const property = fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 12 })), (bytes) => {
    const found = outcome(decodeMessagePack, bytes)
    if (typeof found === 'string' && found.startsWith('BINARY_INVALID')) {
      seen.refused++
      return
    }
    seen.values++
    if (!/[Tt]\d\d:|Infinity|NaN|\ufeff/.test(toJson(found as Value)))
      assert.deepStrictEqual(expectedOf(decodeByLibrary(bytes, { useBigInt64: true, mapKeyConverter: String })), found)
  })
  fc.assert(property, { seed, numRuns: 5000 })
  assert.ok(seen.values > 500 && seen.refused > 500, JSON.stringify(seen))
  assert.match(String(outcome(decodeMessagePack, encode(new ExtData(5, new Uint8Array(3))))), /extension type 5/)
})

for (const [name, decode] of Object.entries(decoders)) {
  test(`${name}: any bytes give a value or a PipelineError, and no object gets another prototype`, () => {
    const near = fc
      .array(
        fc.constantFrom('81', 'a1', 'a9', '61', '69', '5f5f70726f746f5f5f', '01', '90', '80', 'c0', 'f6', 'bf', 'ff'),
      )
      .map((parts) => hex(parts.join('')))
    const property = fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), near), (bytes) => {
      const found = outcome(decode, bytes)
      toJson(found as Value)
      assert.equal('polluted' in {}, false)
    })
    fc.assert(property, { seed, numRuns: 5000 })
  })

  test(`${name}: the key __proto__ is a key like all others`, () => {
    const key = Buffer.from('__proto__')
    const [map, text] = name === 'CBOR' ? [0xa1, 0x60] : [0x81, 0xa0]
    const bytes = Buffer.from([map, text + key.length, ...key, map, text + 1, 0x78, 0x01])
    const found = decode(bytes)
    assert.equal(toJson(found), '{"__proto__":{"x":1}}')
    assert.equal(Object.getPrototypeOf(found), Object.prototype)
    assert.equal('x' in (found as object), false)
  })

  test(`${name}: lists in each other are read 1000 deep, and no deeper`, () => {
    const list = name === 'CBOR' ? '81' : '91'
    const nested = (depth: number) => outcome(decode, hex(`${list.repeat(depth)}00`))
    assert.equal(toJson(nested(1000) as Value), `${'['.repeat(1000)}0${']'.repeat(1000)}`)
    assert.match(String(nested(1001)), /nested more than 1000 deep/)
  })

  test(`${name}: bytes that it gives are of their own`, () => {
    const bytes = hex(name === 'CBOR' ? '42 0102' : 'c4 02 0102')
    const found = decode(bytes) as Buffer
    bytes.fill(9)
    assert.ok(Buffer.isBuffer(found))
    assert.deepEqual([...found], [1, 2])
  })
}

test('depth bombs, lengths that are only claimed and 10 MB of the smallest values are answered, in a bounded time', () => {
  const size = 10_000_000
  const claims = (...starts: string[]) => starts.map((start) => Buffer.concat([hex(start), Buffer.alloc(100)]))
  const bombs: readonly (readonly [Decode, Buffer])[] = [
    ...['81', '9f', 'a1', 'bf', 'c1', 'd9d9f7', '5f', 'a0', '80', '00', 'f6'].map(
      (unit) => [decodeCbor, Buffer.alloc(size, hex(unit))] as const,
    ),
    ...['81', '91', 'dd00989680', 'df00989680', '80', '90', '00', 'c0'].map(
      (unit) => [decodeMessagePack, Buffer.alloc(size, hex(unit))] as const,
    ),
    [decodeCbor, Buffer.concat([hex('9a 00989680'), Buffer.alloc(size, 0xa0)])],
    [decodeMessagePack, Buffer.concat([hex('dd 00989680'), Buffer.alloc(size, 0x80)])],
    ...claims('9b ffffffffffffffff', 'bb 00000000ffffffff', '7b 00000000ffffffff', '5b 7fffffffffffffff').map(
      (bytes) => [decodeCbor, bytes] as const,
    ),
    ...claims('dd ffffffff', 'df ffffffff', 'db ffffffff', 'c6 ffffffff', 'c9 ffffffff ff').map(
      (bytes) => [decodeMessagePack, bytes] as const,
    ),
  ]
  for (const [decode, bytes] of bombs) {
    const before = process.cpuUsage()
    const found = outcome(decode, bytes)
    const { user, system } = process.cpuUsage(before)
    assert.match(String(found), /^BINARY_INVALID/)
    assert.ok(user + system < 10_000_000, `${bytes.subarray(0, 5).toString('hex')} took ${user + system} us`)
  }
})

test('as many values as there is room for are read, and one more is refused', () => {
  const room = 1_000_000
  const list = (count: number) =>
    Buffer.concat([hex('9a'), Buffer.from(new Uint32Array([count]).buffer).swap32(), Buffer.alloc(count)])
  const packed = (count: number) =>
    Buffer.concat([hex('dd'), Buffer.from(new Uint32Array([count]).buffer).swap32(), Buffer.alloc(count)])
  assert.equal((decodeCbor(list(room - 1)) as readonly Value[]).length, room - 1)
  assert.equal((decodeMessagePack(packed(room - 1)) as readonly Value[]).length, room - 1)
  assert.match(String(outcome(decodeCbor, list(room))), /more than 1000000 values/)
  assert.match(String(outcome(decodeMessagePack, packed(room))), /more than 1000000 values/)
})

test('text is UTF-8 and stays as it is; raw bytes can be wrapped', () => {
  for (const text of ['', 'Überdruck 5 °C', '\ufeffx', '\u0000\n']) assert.equal(decodeText(Buffer.from(text)), text)
  assert.match(String(outcome(decodeText, hex('00 ff 80'))), /^TEXT_INVALID: The payload is not UTF-8 text$/)
  assert.equal(JSON.stringify(wrapBytes(hex('00 ff 80 41 0a'))), '{"data":"AP+AQQo=","size":5,"encoding":"base64"}')
})
