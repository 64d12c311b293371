/**
 * Microseconds of CPU per payload for each way through the row decoder, side by side with JSON.parse and a compiled ajv
 * schema: `npm run bench:decode`. Ways that are compared take turns, and the median round counts.
 */
import { gunzipSync, gzipSync } from 'node:zlib'
import { decode as decodeByMsgpack, encode as encodeMessagePack } from '@msgpack/msgpack'
import { Ajv } from 'ajv'
import { decode as decodeByCborg, encode as encodeCbor } from 'cborg'
import { compileDecoder } from '../src/rows/compile-decoder.ts'
import { decodeJson } from '../src/rows/decode-json.ts'
import { decodeCbor } from '../src/rows/formats/cbor.ts'
import { decodeMessagePack } from '../src/rows/formats/messagepack.ts'
import { parseRowSchema } from '../src/rows/parse-ddl.ts'
import type { DecoderOptions } from '../src/rows/row-schema.ts'
import { createUnpack } from '../src/rows/unpack.ts'
import { sparkplugGroups } from './sparkplug.ts'

type Run = (bytes: Uint8Array) => unknown

const rounds = 15
const roundMs = 40

const metadata =
  'siteId INT, deviceId INT, sensorId INT, unit STRING, ts_human STRING, ' +
  'location ROW<latitude DOUBLE, longitude DOUBLE>, deviceType STRING'
const factory = `ts BIGINT, metadata ROW<${metadata}>, measurement DOUBLE`
const reading =
  '{"ts":1707882120000,"metadata":{"siteId":103,"deviceId":1014,"sensorId":10124,"unit":"Amp","ts_human":"2024-02-14T05:42:00.000000",' +
  '"location":{"latitude":-33.9137,"longitude":25.5827},"deviceType":"Hoist_Motor"},"measurement":24}'
const samples = Array.from({ length: 60 }, (_, i) => (1000 + Math.sin(i) * 100).toFixed(6))
const large = { schema: `${factory}, samples ARRAY<DOUBLE>`, text: reading.replace(/}$/, `,"samples":[${samples}]}`) }

const ajvSchema = {
  type: 'object',
  required: ['ts', 'metadata', 'measurement'],
  properties: {
    ts: { type: 'integer' },
    metadata: {
      type: 'object',
      properties: {
        siteId: { type: 'integer' },
        deviceId: { type: 'integer' },
        sensorId: { type: 'integer' },
        unit: { type: ['string', 'number'] },
        ts_human: { type: 'string' },
        location: { type: 'object', properties: { latitude: { type: 'number' }, longitude: { type: 'number' } } },
        deviceType: { type: 'string' },
      },
    },
    measurement: { type: 'number' },
    samples: { type: 'array', items: { type: 'number' } },
  },
}

const mode: DecoderOptions = { failOnMissingField: false, ignoreParseErrors: false, timestampFormat: 'SQL' }
const decoder = (schema: string, options: Partial<DecoderOptions> = {}): Run =>
  compileDecoder(parseRowSchema(schema), { ...mode, ...options })
const parse: Run = (bytes) => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
const validate = new Ajv({ allowUnionTypes: true }).compile(ajvSchema)
const plantReading =
  '{"site_code":"SAF","sensor_id":"SX-FIT-101","timestamp":"2025-07-01T14:00:00+02:00","value":412.75}'
const plantColumns = (time: string) =>
  `site_code STRING NOT NULL, sensor_id STRING NOT NULL, \`timestamp\` ${time} NOT NULL, \`value\` DOUBLE NOT NULL`
const strict = { timestampFormat: 'RFC-3339', coerceNumbers: false, rejectEmptyText: true } as const
const unpack = createUnpack({ compression: 'gzip', maxUnpackedBytes: 10 << 20 })
const withAjv: Run = (bytes) => {
  const value = parse(bytes)
  if (!validate(value)) throw new Error('the reading does not fit the schema')
  return value
}

/** Each payload with the ways it is read; the first one is what the others are compared with. */
const groups: readonly (readonly [
  string,
  string,
  { readonly [name: string]: Run },
  pack?: (text: string) => Uint8Array,
])[] = [
  [
    'factory reading',
    reading,
    { 'JSON.parse + ajv': withAjv, 'JSON.parse alone': parse, 'json-row': decoder(factory), json: decodeJson },
  ],
  [
    'reading with 60 samples',
    large.text,
    { 'JSON.parse + ajv': withAjv, 'JSON.parse alone': parse, 'json-row': decoder(large.schema), json: decodeJson },
  ],
  ...[
    ['a BIGINT beyond 2^53', '1707882120000', '9007199254740993'],
    ['a number in a STRING column', '"Amp"', '12.50'],
    ['a number written as text', '103', '"103"'],
  ].flatMap(([what, from, to]): typeof groups => {
    const ajv = what === 'a number written as text' ? parse : withAjv
    const name = ajv === parse ? 'JSON.parse alone' : 'JSON.parse + ajv'
    return [
      [what!, reading.replace(from!, to!), { [name]: ajv, 'json-row': decoder(factory) }],
      [`${what}, 60 samples`, large.text.replace(from!, to!), { [name]: ajv, 'json-row': decoder(large.schema) }],
    ]
  }),
  [
    'DECIMAL, TIMESTAMP and FLOAT columns',
    reading,
    {
      'JSON.parse + ajv': withAjv,
      'json-row': decoder(
        `ts BIGINT, metadata ROW<${metadata.replaceAll('DOUBLE', 'DECIMAL(10, 6)')}>, measurement FLOAT`,
      ),
    },
  ],
  [
    'a wrong value, ignored',
    reading.replace('103', '"x"'),
    { 'JSON.parse alone': parse, 'json-row': decoder(factory, { ignoreParseErrors: true }) },
  ],
  [
    'plant reading',
    plantReading,
    {
      'JSON.parse alone': parse,
      'json-row': decoder(plantColumns('STRING')),
      'strict, RFC 3339': decoder(plantColumns('TIMESTAMP_LTZ(3)'), strict),
    },
  ],
  [
    'CBOR',
    reading,
    { cborg: (bytes) => decodeByCborg(bytes), ours: decodeCbor },
    (text) => encodeCbor(JSON.parse(text)),
  ],
  [
    'MessagePack',
    reading,
    { '@msgpack/msgpack': (bytes) => decodeByMsgpack(bytes, { useBigInt64: true }), ours: decodeMessagePack },
    (text) => encodeMessagePack(JSON.parse(text)),
  ],
  ['gzip', reading, { gunzipSync: (bytes) => gunzipSync(bytes), ours: unpack }, gzipSync],
]

let kept: unknown

/** Microseconds of CPU for one payload. */
function measure(run: Run, payloads: readonly Uint8Array[], times: number): number {
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) kept = run(payloads[i % payloads.length]!)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

type Pack = (text: string) => Uint8Array
const packed = (text: string, pack: Pack = Buffer.from) =>
  Array.from({ length: 50 }, (_, i) => pack(text.replace('"measurement":24', `"measurement":${10 + i}`)))

const all = [...groups.map(([name, text, runs, pack]) => [name, packed(text, pack), runs] as const), ...sparkplugGroups]
for (const [name, payloads, runs] of all) {
  const entries = Object.entries(runs)
  const times = entries.map(([, run]) => Math.ceil((roundMs * 1000) / measure(run, payloads, 5000)))
  const taken = entries.map((): number[] => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, [, run]] of entries.entries()) taken[i]!.push(measure(run, payloads, times[i]!))
  const base = median(taken[0]!)
  console.log(`${name} (${payloads[0]!.length} B)`)
  for (const [i, [way]] of entries.entries()) {
    const us = median(taken[i]!)
    console.log(`  ${way.padEnd(18)} ${us.toFixed(2).padStart(6)} us  ${(us / base).toFixed(2)}x`)
  }
}
if (kept === null) throw new Error('nothing was decoded')
