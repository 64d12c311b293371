import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { parseFields } from '../../src/config/fields.ts'
import { rowDecoderFields } from '../../src/rows/config.ts'
import { factoryTable } from '../rows/readings.ts'
import { encode, nodeBirth, nodeBirthRow } from '../rows/sparkplug-payloads.ts'
import { modes } from '../rows/vectors.ts'
import { launchBrowser } from './editor-page.ts'

const root = path.join(import.meta.dirname, '../..')

let browser: Browser
let page: Page

/** All of src/rows and the judge of the vectors as one script; esbuild refuses what only Node.js has. */
async function bundle(): Promise<string> {
  const files = [...globSync('src/rows/**/*.ts', { cwd: root }), 'src/core/record.ts', 'test/rows/vectors.ts']
  const contents = files.map((file) => `export * from './${file}'`).join('\n')
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    format: 'iife',
    globalName: 'rows',
    platform: 'browser',
    write: false,
  })
  return outputFiles[0]!.text
}

before(async () => {
  browser = await launchBrowser()
  page = await browser.newPage()
  await page.addScriptTag({ content: await bundle() })
})
after(() => browser?.close())

for (const name of ['flink-json-conformance.jsonl', 'flink-json-measured.jsonl']) {
  test(`in Chromium the vectors of ${name} give the rows of Flink, in all modes`, async () => {
    const lines = readFileSync(path.join(root, 'test/fixtures', name), 'utf8')
    for (const mode of Object.keys(modes)) {
      const found = await page.evaluate(`(() => {
        const vectors = rows.readVectors(${JSON.stringify(lines)})
        return { count: vectors.length, wrong: rows.mismatches(vectors, '${mode}') }
      })()`)
      assert.deepEqual(found, { count: lines.trim().split('\n').length, wrong: [] })
    }
  })
}

test('in Chromium the Sparkplug B of the acceptance scenarios is read, bytes and text of any alphabet too', async () => {
  const birth = encode({
    metrics: [
      { name: 'Größe', alias: 1, datatype: 4 },
      { name: 'b', alias: 2, datatype: 17 },
      { name: 'ints', alias: 3, datatype: 24 },
    ],
  })
  const data = encode({
    metrics: [
      { alias: 1, longValue: '18446744073709551606' },
      { alias: 2, bytesValue: Buffer.from([0, 255]) },
      { alias: 3, bytesValue: Buffer.from('15cd5b07', 'hex') },
    ],
  })
  const messages = [
    ['NBIRTH', nodeBirth],
    ['NBIRTH', birth],
    ['NDATA', data],
  ] as const
  const sent = messages.map(([type, bytes]) => [`spBv1.0/G/${type}/E`, [...bytes]])
  const shown = await page.evaluate(`(() => {
    const config = ${JSON.stringify(parseFields(rowDecoderFields, { format: 'sparkplug-b' }).config)}
    const decode = rows.createDecoder(config, () => undefined)
    return ${JSON.stringify(sent)}.map(([topic, bytes]) =>
      rows.toJson(decode({ topic, payload: Uint8Array.from(bytes) }).payload))
  })()`)
  const [first, , third] = shown as readonly string[]
  assert.equal(first, nodeBirthRow)
  const values =
    '{"name":"Größe","alias":1,"datatype":4,"value":-10},{"name":"b","alias":2,"datatype":17,"value":"AP8="}'
  assert.equal(third, `{"metrics":[${values},{"name":"ints","alias":3,"datatype":24,"value":[123456789]}]}`)
})

test('in Chromium a record is decoded, bytes and numbers of any size are shown, and a table is imported', async () => {
  const shown = await page.evaluate(`(() => {
    const config = ${JSON.stringify(parseFields(rowDecoderFields, { schema: 's' }).config)}
    const schema = rows.parseRowSchema('b BYTES, n DECIMAL(38, 18), i BIGINT')
    const payload = '{"b":"AP+A","n":12345678901234567890.5,"i":9007199254740993}'
    const { payload: row } = rows.createDecoder(config, () => schema)({ topic: 't', payload })
    return rows.toJson(row)
  })()`)
  assert.equal(shown, '{"b":"AP+A","n":12345678901234567890.5,"i":9007199254740993}')
  const binary = await page.evaluate(`(() => {
    const config = ${JSON.stringify(parseFields(rowDecoderFields, { format: 'cbor', topicPattern: 'a/{site}' }).config)}
    const payload = new Uint8Array([0xa2, 0x61, 0x6e, 0x1b, 0, 0x20, 0, 0, 0, 0, 0, 1, 0x61, 0x62, 0x41, 0xff])
    const { payload: row } = rows.createDecoder(config, () => undefined)({ topic: 'a/SAF', payload })
    return rows.toJson(row)
  })()`)
  assert.equal(binary, '{"n":9007199254740993,"b":"/w==","site":"SAF"}')
  const name = await page.evaluate(`rows.readTableImport(${JSON.stringify(factoryTable)}).name`)
  assert.equal(name, 'hive_catalog.mqtt.factory_iot_101')
  assert.equal(await page.evaluate('typeof Buffer + typeof process'), 'undefinedundefined')
})

test('in Chromium a JSON Schema checks a document, exactly and in time, and becomes columns', async () => {
  const found = await page.evaluate(`(() => {
    const problem = (schema, text) => {
      try {
        rows.compileJsonSchema(rows.readJsonSchema(schema))(rows.decodeJson(new TextEncoder().encode(text)))
      } catch (error) {
        return error.message
      }
    }
    const columns = rows.columnsOfJsonSchema({ properties: { v: { type: 'number' } }, required: ['v'] }).columns
    return [
      problem('{"maximum":9007199254740992}', '9007199254740993'),
      problem('{"pattern":"^(a+)+$"}', '"' + 'a'.repeat(1000) + '!"').slice(0, 80),
      problem('{"format":"date-time"}', '"2024-01-09T20:30:00Z"'),
      rows.formatColumns(columns),
      rows.toBigQuerySchema(columns).fields,
      rows.formatColumns(rows.inferColumns(['{"a":1}']).columns),
    ]
  })()`)
  assert.deepEqual(found, [
    'The payload does not fit the JSON Schema: at the top level: must keep the maximum 9007199254740992, found 9007199254740993',
    'The payload does not fit the JSON Schema: at the top level: must match the pattern ^(a+)+$'.slice(0, 80),
    undefined,
    '`v` DOUBLE NOT NULL',
    [{ name: 'v', type: 'FLOAT', mode: 'REQUIRED' }],
    '`a` BIGINT',
  ])
})
