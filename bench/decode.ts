/** Microseconds per payload for each way through the row decoder: `node bench/decode.ts`. */
import { compileDecoder } from '../src/rows/compile-decoder.ts'
import { decodeJson } from '../src/rows/decode-json.ts'
import { parseRowSchema } from '../src/rows/parse-ddl.ts'

const schema = parseRowSchema(
  'ts BIGINT, metadata ROW<siteId INT, deviceId INT, sensorId INT, unit STRING, ts_human STRING, ' +
    'location ROW<latitude DOUBLE, longitude DOUBLE>, deviceType STRING>, measurement DOUBLE',
)
const reading =
  '{"ts":1707882120000,"metadata":{"siteId":103,"deviceId":1014,"sensorId":10124,"unit":"Amp","ts_human":"2024-02-14T05:42:00.000000",' +
  '"location":{"latitude":-33.9137,"longitude":25.5827},"deviceType":"Hoist_Motor"},"measurement":24}'

const mode = { failOnMissingField: false, ignoreParseErrors: false, timestampFormat: 'SQL' as const }
const decode = compileDecoder(schema, mode)
const ignoring = compileDecoder(schema, { ...mode, ignoreParseErrors: true })
const parse = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())

const cases: readonly (readonly [string, (bytes: Uint8Array) => unknown, string])[] = [
  ['JSON.parse alone', parse, reading],
  ['json-row, fast path', decode, reading],
  ['json-row, a number in a STRING column', decode, reading.replace('"Amp"', '12.50')],
  ['json-row, a BIGINT beyond 2^53', decode, reading.replace('1707882120000', '9007199254740993')],
  ['json-row, a wrong value ignored', ignoring, reading.replace('103', '"x"')],
  ['json-row, truncated JSON ignored', ignoring, reading.slice(0, -1)],
  ['json', decodeJson, reading],
  ['json, an integer beyond 2^53', decodeJson, reading.replace('1707882120000', '9007199254740993')],
]

const runs = 300_000
let kept: unknown
for (const [name, run, text] of cases) {
  const payloads = Array.from({ length: 50 }, (_, i) => Buffer.from(text.replace('24}', `${10 + i}}`)))
  for (let i = 0; i < runs / 10; i++) kept = run(payloads[i % 50]!)
  const started = performance.now()
  for (let i = 0; i < runs; i++) kept = run(payloads[i % 50]!)
  const perPayloadUs = ((performance.now() - started) / runs) * 1000
  console.log(
    `${name.padEnd(42)} ${String(payloads[0]!.length).padStart(4)} B  ${perPayloadUs.toFixed(2).padStart(6)} us`,
  )
}
if (kept === null) throw new Error('nothing was decoded')
