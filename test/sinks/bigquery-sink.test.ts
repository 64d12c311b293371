import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import type { Sink } from '../../src/core/sink.ts'
import type { BigQueryRequest } from '../../src/sinks/bigquery/request.ts'
import type { TableField } from '../../src/sinks/bigquery/rest.ts'
import { range, reading } from '../contract/sink-harness.ts'
import { type BigQuery, startBigQuery } from '../services/bigquery.ts'
import { type BigQueryFront, errorAnswer, rowErrorsAnswer, startBigQueryFront } from '../services/bigquery-front.ts'
import { temporaryDirectory } from '../services/processes.ts'
import { createBigQuerySink, dataset, forever } from './bigquery-harness.ts'

let bigquery: BigQuery
let front: BigQueryFront
before(async () => {
  bigquery = await startBigQuery()
  front = await startBigQueryFront(bigquery)
  await bigquery.createDataset(dataset)
})
after(async () => {
  await front.close()
  await bigquery.stop()
})

const methods = ['storageWrite', 'exactlyOnce', 'insertAll'] as const
const streams = ['storageWrite', 'exactlyOnce'] as const
let tables = 0
let position = 0

interface Made {
  readonly sink: Sink<BigQueryRequest>
  readonly table: string
  write(payloads: readonly Record['payload'][]): ReturnType<Sink['write']>
  rows(columns?: string): Promise<readonly { readonly [column: string]: unknown }[]>
}

function make(schema: string, options: { readonly [option: string]: unknown } = {}, warnings: string[] = []): Made {
  const table = `t${++tables}`
  const directory = temporaryDirectory('bigquery-sink')
  const sink = createBigQuerySink({
    at: front,
    schema,
    directory,
    sink: { table, createTable: true, requestTimeoutMs: '30 s', ...options },
    warn: (text) => void warnings.push(text),
  })
  const own = String(options.table ?? table)
  return {
    sink,
    table: own,
    write: (payloads) =>
      sink.write(
        payloads.map((payload) => sink.prepare(reading(0, { payload, id: `outbox-${++position}` })).request),
        forever,
      ),
    rows: (columns = '*') => bigquery.query(`SELECT ${columns} FROM \`${dataset}.${own}\``),
  }
}

const numbers = async ({ rows }: Made) => (await rows('n')).map(({ n }) => Number(n)).sort((a, b) => a - b)
const payloads = (from: number, to: number) => range(from, to).map((n) => ({ n }))
/** For tests in which nobody answers; every other answer has to come in this time, on a loaded machine too. */
const impatient = { requestTimeoutMs: '3 s' }
const unharmed = () => {
  for (const fault of ['append', 'unary', 'insertRow', 'rest'] as const) front.faults[fault] = undefined
}
const isHeld = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof PipelineError)
  assert.deepEqual([error.code, error.disposition], [code, 'config'], error.message)
  assert.match(error.message, message)
  return true
}

const everyType =
  'a BIGINT, b BOOLEAN, c DOUBLE, d DECIMAL(10, 2), e STRING, f BYTES, g DATE, h TIME, i TIMESTAMP(6), ' +
  'j ROW<x INT, y ROW<z STRING>>, k ARRAY<INT>, l MAP<STRING, INT>, m ARRAY<ROW<q INT>>'
const fullRow = {
  a: 9_223_372_036_854_775_807n,
  b: true,
  c: -1.5e-7,
  d: '-12345678.9',
  e: 'Zürich "🏭" \\ ',
  f: 'AP8=',
  g: '1969-12-31',
  h: '23:59:59.999999',
  i: '1969-12-31 23:59:59.999999',
  j: { x: -5, y: { z: 'deep' } },
  k: [-1, 0, 2_147_483_647],
  l: { 'a b': 1 },
  m: [{ q: 1 }, {}, { q: 3 }],
}
const storedRow = {
  a: '9223372036854775807',
  b: 'true',
  c: '-1.5e-07',
  d: '-12345678.900000000',
  e: 'Zürich "🏭" \\ ',
  f: 'AP8=',
  g: '1969-12-31',
  h: '23:59:59.999999',
  i: '-1',
  j: { x: '-5', y: { z: 'deep' } },
  k: ['-1', '0', '2147483647'],
  l: '{"a b":1}',
  m: [{ q: '1' }, { q: null }, { q: '3' }],
}

for (const writeMethod of methods) {
  test(`${writeMethod} stores a value of every type as SQL reads it back, and null as null`, async () => {
    const made = make(everyType, {
      writeMethod,
      columns: [
        { name: 'mqtt_topic', value: '{topic}' },
        { name: 'ingested_at', value: '{receivedAt}' },
        { name: 'part', value: '{topic.line}' },
        { name: 'absent', value: '{topic.absent}' },
        { name: 'text', value: '{topic.line} of {topic}' },
        { name: 'qos', value: '{qos}' },
        { name: 'retained', value: '{retain}' },
        { name: 'raw', value: '{payload}' },
      ],
    })
    await made.sink.open(forever)
    const receivedAt = 1_751_371_200_123
    const captures = { line: 'line1' }
    const requests = [fullRow, {}].map(
      (payload) => made.sink.prepare(reading(0, { payload, receivedAt, captures, id: `outbox-${++position}` })).request,
    )
    assert.deepEqual(await made.sink.write(requests, forever), { rejected: [] })
    const [full, empty] = [...(await made.rows())].sort((one) => (one.a === null ? 1 : -1))
    const { raw, ...rest } = full!
    assert.deepEqual(rest, {
      ...storedRow,
      c: rest.c,
      mqtt_topic: 'plant/line1',
      ingested_at: String(receivedAt * 1000),
      part: 'line1',
      absent: null,
      text: 'line1 of plant/line1',
      qos: '1',
      retained: 'false',
    })
    assert.equal(Number(rest.c), fullRow.c)
    assert.equal(JSON.parse(String(raw)).e, fullRow.e)
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'l'].filter((column) => empty![column] !== null),
      [],
    )
    assert.deepEqual([empty!.k, empty!.m], [[], []])
    await made.sink.close()
  })

  test(`${writeMethod}: one bad row of 500 is named with BigQuery's reason, the 499 others are stored once`, async () => {
    const made = make('n INT, bad STRING', { writeMethod })
    const sent = range(0, 500).map((n) => (n === 123 ? { n, bad: 'poison' } : { n }))
    front.faults.append = ({ rows }) => {
      const index = rows.findIndex((row) => row.includes('poison'))
      return index < 0 ? undefined : { answer: rowErrorsAnswer([{ index, message: 'Field n: too odd' }]) }
    }
    front.faults.insertRow = (row) =>
      JSON.stringify(row).includes('poison') ? { reason: 'invalid', message: 'Field n: too odd' } : undefined
    await made.sink.open(forever)
    const { rejected } = await made.write(sent)
    unharmed()
    assert.deepEqual(
      rejected.map(({ index, error }) => [index, error.disposition, error.reason]),
      [[123, 'reject', 'invalid']],
    )
    assert.match(rejected[0]!.error.message, /Field n: too odd/)
    assert.deepEqual(
      await numbers(made),
      range(0, 500).filter((n) => n !== 123),
    )
    await made.sink.close()
  })

  test(`${writeMethod} holds everything while the table or the right to write is missing, and goes on by itself`, async () => {
    const made = make('n INT', { writeMethod, createTable: false })
    await assert.rejects(made.sink.open(forever), isHeld('TARGET_MISSING', new RegExp(`${dataset}.${made.table}`)))
    await bigquery.createTable(dataset, made.table, [{ name: 'n', type: 'INTEGER' }])
    front.faults.rest = () => ({
      status: 403,
      body: { error: { message: 'Permission bigquery.tables.get denied', errors: [{ reason: 'accessDenied' }] } },
    })
    await assert.rejects(made.sink.open(forever), isHeld('TARGET_AUTHORIZATION', /tables.get denied/))
    unharmed()
    await made.sink.open(forever)
    await made.write(payloads(0, 5))
    assert.deepEqual(await numbers(made), range(0, 5))
    await made.sink.close()
  })

  test(`${writeMethod} names a column that is missing or of another type, and writes once it is there`, async () => {
    const made = make('n INT, pi_tag STRING', { writeMethod, createTable: false })
    await bigquery.createTable(dataset, made.table, [{ name: 'n', type: 'INT64' }])
    await assert.rejects(made.sink.open(forever), isHeld('TABLE_MISMATCH', /^column pi_tag missing/))
    await assert.rejects(made.write([{ n: 1, pi_tag: 'a' }]), isHeld('TABLE_MISMATCH', /^column pi_tag missing/))
    await bigquery.deleteTable(dataset, made.table)
    await bigquery.createTable(dataset, made.table, [
      { name: 'n', type: 'STRING' },
      { name: 'pi_tag', type: 'STRING' },
    ])
    await assert.rejects(made.write([{ n: 1 }]), isHeld('TABLE_MISMATCH', /^column n is STRING there and INTEGER here/))
    await bigquery.deleteTable(dataset, made.table)
    await bigquery.createTable(dataset, made.table, [
      { name: 'N', type: 'INT64' },
      { name: 'pi_tag', type: 'STRING' },
      { name: 'more', type: 'STRING' },
    ])
    await made.sink.open(forever)
    await made.write([{ n: 1, pi_tag: 'a' }])
    assert.equal((await made.rows('pi_tag'))[0]!.pi_tag, 'a')
    await made.sink.close()
  })

  test(`${writeMethod} refuses at prepare a row that no request can hold, and writes one of 9 MB`, async () => {
    const made = make('n INT, text STRING', { writeMethod })
    const prepare = (length: number) => made.sink.prepare(reading(0, { payload: { n: 1, text: 'x'.repeat(length) } }))
    assert.throws(() => prepare(10_000_000), { code: 'RECORD_TOO_LARGE' })
    if (writeMethod === 'insertAll') return
    await made.sink.open(forever)
    await made.write(range(0, 3).map((n) => ({ n, text: 'y'.repeat(4_000_000) })))
    assert.deepEqual(await numbers(made), [0, 1, 2])
    assert.ok(front.appends.every(({ rows }) => rows.reduce((sum, { length }) => sum + length, 0) < 10_000_000))
    await made.sink.close()
  })
}

for (const writeMethod of streams) {
  test(`${writeMethod} takes a 503, an error in the stream, silence and an end of the call for what they are`, async () => {
    const made = make('n INT', { writeMethod, ...impatient })
    await made.sink.open(forever)
    const faults = [
      [{ code: 14, message: 'down' }, 'TARGET_UNREACHABLE', 'retry'],
      [{ answer: errorAnswer(8, 'slow down') }, 'TARGET_THROTTLED', 'retry'],
      [{ answer: errorAnswer(3, 'no such column', 7) }, 'TABLE_MISMATCH', 'config'],
      [{ code: 3, message: 'no such column', storageCode: 7 }, 'TABLE_MISMATCH', 'config'],
      [{ answer: errorAnswer(7, 'denied') }, 'TARGET_AUTHORIZATION', 'config'],
      [{ code: 5, message: 'no table', storageCode: 1 }, 'TARGET_MISSING', 'config'],
      [{ code: 16, message: 'expired' }, 'CREDENTIALS_REFUSED', 'config'],
      ['silent', 'TARGET_TIMEOUT', 'retry'],
    ] as const
    const request = made.sink.prepare(reading(0, { payload: { n: 1 }, id: `outbox-${++position}` })).request
    for (const [fault, code, disposition] of faults) {
      front.faults.append = () => fault
      await assert.rejects(made.sink.write([request], forever), (error) => {
        assert.ok(error instanceof PipelineError)
        assert.deepEqual([error.code, error.disposition], [code, disposition], error.message)
        return true
      })
      assert.deepEqual(await numbers(made), [])
    }
    unharmed()
    await made.sink.write([request], forever)
    assert.deepEqual(await numbers(made), [1])
    await made.sink.close()
  })
}

test('storageWrite stores rows again when an answer is lost, exactlyOnce does not', async () => {
  for (const [writeMethod, copies] of [
    ['storageWrite', 2],
    ['exactlyOnce', 1],
  ] as const) {
    const made = make('n INT', { writeMethod })
    await made.sink.open(forever)
    const requests = payloads(0, 3).map(
      (payload) => made.sink.prepare(reading(0, { payload, id: `outbox-${++position}` })).request,
    )
    front.faults.append = () => 'loseReply'
    await assert.rejects(made.sink.write(requests, forever), { code: 'TARGET_UNREACHABLE' })
    unharmed()
    assert.deepEqual(await made.sink.write(requests, forever), { rejected: [] })
    assert.deepEqual(
      await numbers(made),
      range(0, 3).flatMap((n) => Array(copies).fill(n)),
    )
    await made.sink.close()
  }
})

test('an append that is refused as a whole while the table is right is the fault of a record, found by halving', async () => {
  const made = make('n INT')
  await made.sink.open(forever)
  front.faults.append = () => ({ code: 3, message: 'something in there' })
  await assert.rejects(made.write(payloads(0, 4)), { code: 'RECORD_INVALID', disposition: 'reject' })
  front.faults.rest = () => ({ status: 200, body: { schema: { fields: [{ name: 'other', type: 'STRING' }] } } })
  await assert.rejects(made.write(payloads(0, 4)), isHeld('TABLE_MISMATCH', /column n missing/))
  unharmed()
  await made.sink.close()
})

test('a table that changes while rows are written is looked at again', async () => {
  const made = make('n INT')
  await made.sink.open(forever)
  let looks = 0
  front.faults.rest = (method) => {
    if (method === 'GET') looks++
    return undefined
  }
  await made.write([{ n: 1 }])
  assert.equal(looks, 0)
  front.faults.append = () => 'updatedSchema'
  await made.write([{ n: 2 }])
  front.faults.append = undefined
  await made.write([{ n: 3 }])
  assert.equal(looks, 1)
  unharmed()
  assert.deepEqual(await numbers(made), [1, 2, 3])
  await made.sink.close()
})

test('a table is created with the partitions and clusters of the form', async () => {
  const cases = [
    [{ partitioning: 'ingestion-hour' }, { type: 'HOUR' }, undefined],
    [
      { partitioning: 'column-day', partitionColumn: 'at', clustering: 'site, n' },
      { type: 'DAY', field: 'at' },
      ['site', 'n'],
    ],
    [{ partitioning: 'none' }, undefined, undefined],
  ] as const
  for (const [options, timePartitioning, clustering] of cases) {
    const made = make('n INT NOT NULL, site STRING, at TIMESTAMP(3)', options)
    let created: { [key: string]: unknown } = {}
    front.faults.rest = (method, _, body) => {
      if (method === 'POST') created = body as typeof created
      return undefined
    }
    await made.sink.open(forever)
    unharmed()
    assert.deepEqual(created.timePartitioning, timePartitioning)
    assert.deepEqual((created.clustering as { fields?: unknown } | undefined)?.fields, clustering)
    const { fields } = created.schema as { readonly fields: readonly TableField[] }
    assert.deepEqual(
      fields.map(({ name, type, mode }) => [name, type, mode]),
      [
        ['n', 'INTEGER', 'REQUIRED'],
        ['site', 'STRING', 'NULLABLE'],
        ['at', 'TIMESTAMP', 'NULLABLE'],
      ],
    )
    await made.sink.close()
  }
})

// bqemulator breaks a table to which a column is added.
test('missing columns are added where the form says so, also in records, and nothing that is there is changed', async () => {
  const there = [
    { name: 'N', type: 'INTEGER', mode: 'REQUIRED', description: 'kept' },
    { name: 'r', type: 'RECORD', fields: [{ name: 'a', type: 'STRING' }] },
  ]
  let patch: { readonly [key: string]: unknown } | undefined
  front.faults.rest = (method, _, body) => {
    if (method === 'PATCH') patch = body as typeof patch
    return { status: 200, body: { etag: 'now', schema: { fields: there } } }
  }
  const made = make('n INT NOT NULL, r ROW<a STRING, b ARRAY<INT>>, extra DOUBLE NOT NULL', { addColumns: true })
  await made.sink.open(forever)
  assert.deepEqual(patch, {
    schema: {
      fields: [
        there[0],
        {
          ...there[1],
          fields: [
            { name: 'a', type: 'STRING' },
            { name: 'b', type: 'INTEGER', mode: 'REPEATED' },
          ],
        },
        { name: 'extra', type: 'FLOAT', mode: 'NULLABLE' },
      ],
    },
  })
  patch = undefined
  const wrong = make('r STRING', { addColumns: true })
  await assert.rejects(wrong.sink.open(forever), isHeld('TABLE_MISMATCH', /column r is RECORD there and STRING here/))
  assert.equal(patch, undefined, 'a table that does not suit is left alone')
  unharmed()
})

test('rows for a column that BigQuery does not know everywhere yet wait until it does', async () => {
  const made = make('n INT')
  await made.sink.open(forever)
  front.faults.append = () => ({ answer: errorAnswer(3, 'The source object has fields unknown to BigQuery', 7) })
  await assert.rejects(made.write([{ n: 1 }]), isHeld('TABLE_MISMATCH', /fields unknown/))
  unharmed()
  await made.write([{ n: 1 }])
  assert.deepEqual(await numbers(made), [1])
  await made.sink.close()
})

test('insertAll repeats what was stopped by something that passes with the same insertId, and only that', async () => {
  const made = make('n INT', { writeMethod: 'insertAll' })
  await made.sink.open(forever)
  const sent: string[][] = []
  front.faults.rest = (_, path, body) => {
    if (path.endsWith('/insertAll'))
      sent.push((body as { rows: { insertId: string }[] }).rows.map(({ insertId }) => insertId))
    return undefined
  }
  front.faults.insertRow = (row) =>
    (row as { n: string }).n === '1' ? { reason: 'backendError', message: 'later' } : undefined
  const requests = payloads(0, 3).map((payload) => made.sink.prepare(reading(0, { payload })).request)
  await assert.rejects(made.sink.write(requests, forever), { code: 'TARGET_FAILED', disposition: 'retry' })
  front.faults.insertRow = undefined
  assert.deepEqual(await made.sink.write(requests, forever), { rejected: [] })
  unharmed()
  assert.deepEqual(sent, [requests.map(({ insertId }) => insertId), [requests[1]!.insertId]])
  assert.deepEqual(await numbers(made), [0, 1, 2])
  const withId = made.sink.prepare(reading(0, { payload: { n: 1 }, id: 'outbox-77' })).request
  assert.equal(withId.insertId, 'outbox-77')
  await made.sink.close()
})

test('insertAll holds a row whose column the table does not have yet', async () => {
  const made = make('n INT', { writeMethod: 'insertAll' })
  await made.sink.open(forever)
  front.faults.insertRow = () => ({ reason: 'invalid', message: 'no such field: n.' })
  await assert.rejects(made.write([{ n: 1 }]), isHeld('TABLE_MISMATCH', /no such field: n/))
  unharmed()
  await made.sink.close()
})

test('an unknown dataset or project is named', async () => {
  const unknown = make('n INT', { dataset: 'nowhere', createTable: false })
  await assert.rejects(unknown.sink.open(forever), isHeld('TARGET_MISSING', /nowhere/))
  const made = make('n INT')
  const said = 'The project rowline-test has not enabled BigQuery.'
  front.faults.rest = () => ({ status: 400, body: { error: { message: said, errors: [{ reason: 'invalid' }] } } })
  await assert.rejects(made.sink.open(forever), isHeld('TARGET_UNSUPPORTED', /has not enabled BigQuery/))
  unharmed()
})

test('columns that BigQuery cannot have are said at deploy', () => {
  for (const [schema, message] of [
    ['`a-b` INT', /column a-b/],
    ['a INT, A STRING', /column A twice/],
    ['r ROW<`ä` INT>', /column r.ä/],
    ['_PARTITIONTIME TIMESTAMP(3)', /_PARTITIONTIME/],
  ] as const)
    assert.throws(() => make(schema), { code: 'CONFIG_INVALID', message })
})

test('bytes are sent back with the advice to decode them', () => {
  const { sink } = make('n INT')
  assert.throws(() => sink.prepare(reading(0, { payload: Buffer.from('{"n":1}') })), {
    code: 'PAYLOAD_UNSUPPORTED',
    message: /row decoder/,
  })
})

test('exactlyOnce goes on in another stream when its stream is over, and asks how many rows that has', async () => {
  for (const isStored of [true, false]) {
    const warnings: string[] = []
    const made = make('n INT', { writeMethod: 'exactlyOnce', ...impatient }, warnings)
    await made.sink.open(forever)
    await made.write(payloads(0, 2))
    const requests = payloads(2, 4).map(
      (payload) => made.sink.prepare(reading(0, { payload, id: `outbox-${++position}` })).request,
    )
    front.faults.append = () => (isStored ? 'loseReply' : 'silent')
    await assert.rejects(made.sink.write(requests, forever))
    front.faults.append = ({ offset }) => (offset === 2 ? { code: 9, message: 'finalized', storageCode: 6 } : undefined)
    await made.sink.write(requests, forever)
    unharmed()
    await made.write(payloads(4, 6))
    assert.deepEqual(await numbers(made), range(0, 6), isStored ? 'stored' : 'not stored')
    assert.deepEqual(warnings, [])
    await made.sink.close()
  }
})

test('exactlyOnce takes a new stream where its own has ended: that is no failed try, for which rows could be given up', async () => {
  const made = make('n INT', { writeMethod: 'exactlyOnce' })
  await made.sink.open(forever)
  await made.write([{ n: 0 }])
  const ends = [
    { code: 9, message: 'finalized', storageCode: 6 },
    { code: 5, message: 'expired', storageCode: 3 },
    { code: 6, message: 'taken', storageCode: 8 },
    { code: 11, message: 'too far', storageCode: 9 },
  ]
  for (const [n, end] of ends.entries()) {
    let isOver = false
    front.faults.append = () => {
      if (isOver) return undefined
      isOver = true
      return end
    }
    assert.deepEqual(await made.write([{ n: n + 1 }]), { rejected: [] }, end.message)
    assert.ok(isOver)
  }
  unharmed()
  assert.deepEqual(await numbers(made), range(0, 5))
  await made.sink.close()
})

test('exactlyOnce says so when a stream has vanished with the answer', async () => {
  const warnings: string[] = []
  const made = make('n INT', { writeMethod: 'exactlyOnce', ...impatient }, warnings)
  await made.sink.open(forever)
  const requests = [made.sink.prepare(reading(0, { payload: { n: 1 }, id: `outbox-${++position}` })).request]
  front.faults.append = () => 'silent'
  await assert.rejects(made.sink.write(requests, forever), { code: 'TARGET_TIMEOUT' })
  let isFirst = true
  front.faults.append = () => {
    const fault = isFirst ? { code: 5, message: 'gone', storageCode: 3 } : undefined
    isFirst = false
    return fault
  }
  front.faults.unary = (method) => (method === 'FinalizeWriteStream' ? { code: 5, message: 'gone' } : undefined)
  await made.sink.write(requests, forever)
  unharmed()
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /may be there twice/)
  assert.deepEqual(await numbers(made), [1])
  await made.sink.close()
})

test('exactlyOnce finishes in the table of before what was on its way when the form named another one', async () => {
  for (const isThere of [true, false]) {
    const directory = temporaryDirectory('bigquery-tables')
    const names = [`t${++tables}`, `t${++tables}`] as const
    const warnings: string[] = []
    const [first, second] = names.map((table) =>
      createBigQuerySink({
        at: front,
        schema: 'n INT',
        directory,
        sink: { table, createTable: true, writeMethod: 'exactlyOnce' },
        warn: (text) => void warnings.push(text),
      }),
    )
    const records = payloads(0, 3).map((payload) => reading(0, { payload, id: `outbox-${++position}` }))
    const requests = (sink: Sink<BigQueryRequest>) => records.map((record) => sink.prepare(record).request)
    await first!.open(forever)
    front.faults.append = () => 'loseReply'
    await assert.rejects(first!.write(requests(first!), forever))
    unharmed()
    await first!.close()
    const gone = { code: 5, message: 'no such table', storageCode: 1 }
    if (!isThere) {
      front.faults.append = ({ stream }) => (stream.includes(`/${names[0]}/`) ? gone : undefined)
      front.faults.unary = (method) => (method === 'FinalizeWriteStream' ? gone : undefined)
    }
    await second!.open(forever)
    await second!.write(
      [...requests(second!), second!.prepare(reading(0, { payload: { n: 3 }, id: `outbox-${++position}` })).request],
      forever,
    )
    unharmed()
    const inTable = async (table: string) =>
      (await bigquery.query(`SELECT n FROM \`${dataset}.${table}\``)).map(({ n }) => Number(n)).sort()
    if (isThere) assert.deepEqual([await inTable(names[0]), await inTable(names[1])], [[0, 1, 2], [3]])
    else assert.deepEqual([await inTable(names[1]), warnings.length], [[0, 1, 2, 3], 1])
    await second!.close()
  }
})

test('exactlyOnce learns nothing from a repeat that is refused: the first may be stored all the same', async () => {
  const refusals = [
    { code: 16, message: 'expired' },
    { code: 7, message: 'denied' },
    { code: 3, message: 'other columns', storageCode: 7 },
    { code: 3, message: 'something' },
    { code: 9, message: 'something' },
    { answer: errorAnswer(8, 'slow down') },
    { answer: rowErrorsAnswer([{ index: 0, message: 'too bad' }]) },
    { code: 14, message: 'down' },
  ] as const
  for (const refusal of refusals) {
    for (const isStored of refusal === refusals[0] || refusal === refusals[2] ? [true, false] : [true]) {
      const made = make('n INT', { writeMethod: 'exactlyOnce', ...impatient })
      await made.sink.open(forever)
      await made.write([{ n: 0 }])
      const request = made.sink.prepare(reading(0, { payload: { n: 1 }, id: `outbox-${++position}` })).request
      front.faults.append = () => (isStored ? 'loseReply' : 'silent')
      await assert.rejects(made.sink.write([request], forever))
      let refused = 0
      front.faults.append = () => (refused++ < 2 ? refusal : undefined)
      for (let tries = 0; tries < 5; tries++) {
        const result = await made.sink.write([request], forever).catch(() => undefined)
        if (result) break
      }
      unharmed()
      await made.write([{ n: 2 }])
      assert.deepEqual(await numbers(made), [0, 1, 2], `${JSON.stringify(refusal)} ${isStored}`)
      await made.sink.close()
    }
  }
})

test('exactlyOnce writes one of several requests with the same id, whose fate the others share', async () => {
  const made = make('n INT', { writeMethod: 'exactlyOnce' })
  await made.sink.open(forever)
  const at = ++position
  const request = (n: number) => made.sink.prepare(reading(0, { payload: { n }, id: `outbox-${at + n}` })).request
  position += 2
  front.faults.append = ({ rows }) =>
    rows.length > 2 ? { answer: rowErrorsAnswer([{ index: 1, message: 'bad' }]) } : undefined
  const { rejected } = await made.sink.write([0, 1, 0, 2, 1, 2].map(request), forever)
  unharmed()
  assert.deepEqual(
    rejected.map(({ index }) => index),
    [1, 4],
  )
  assert.deepEqual(await numbers(made), [0, 2])
  await made.sink.close()
})

test('exactlyOnce writes what comes under known positions after an older copy of the outbox folder was put back', async () => {
  const [directory, copy] = [temporaryDirectory('older-copy'), join(temporaryDirectory('older-copy'), 'outbox')]
  const outbox = join(directory, 'outbox')
  const table = `t${++tables}`
  const sink = { table, createTable: true, writeMethod: 'exactlyOnce', ...impatient }
  const open = async () => {
    const opened = createBigQuerySink({ at: front, schema: 'n INT', directory, sink })
    await opened.open(forever)
    return opened
  }
  const write = (to: Sink<BigQueryRequest>, ...rows: readonly (readonly [place: number, n: number])[]) =>
    to.write(
      rows.map(([place, n]) => to.prepare(reading(0, { payload: { n }, id: `copied-${place}` })).request),
      forever,
    )
  const first = await open()
  await write(first, [1, 1], [2, 2])
  front.faults.append = () => 'loseReply'
  await assert.rejects(write(first, [3, 3]))
  unharmed()
  cpSync(outbox, copy, { recursive: true })
  await write(first, [3, 3], [4, 4], [5, 5])
  await first.close()
  rmSync(outbox, { recursive: true })
  cpSync(copy, outbox, { recursive: true })
  const second = await open()
  await write(second, [3, 3])
  front.faults.append = () => 'silent'
  await assert.rejects(write(second, [4, 40]))
  unharmed()
  await write(second, [4, 40], [5, 50])
  await second.close()
  const rows = await bigquery.query(`SELECT n FROM \`${dataset}.${table}\` ORDER BY n`)
  assert.deepEqual(
    rows.map(({ n }) => Number(n)),
    [1, 2, 3, 4, 5, 40, 50],
  )
})
