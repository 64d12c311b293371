import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFields } from '../../src/config/fields.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { NumberText } from '../../src/core/number-text.ts'
import type { Payload } from '../../src/core/record.ts'
import { expose } from '../../src/metrics/exposition.ts'
import { Gauge, rowsOf } from '../../src/metrics/gauge.ts'
import { checkGauge, gaugeFields } from '../../src/metrics/gauge-config.ts'

type Values = { readonly [field: string]: unknown }

const labels = [{ column: 'site' }, { column: 'unit' }]
const configOf = (values: Values) => parseFields(gaugeFields, { valueColumn: 'value', labels, ...values }).config!
const gaugeOf = (values: Values = {}, now?: () => number) => new Gauge(configOf(values), now)
const show = (gauge: Gauge, payload: Payload) =>
  gauge.show({ topic: 't', payload, qos: 1, retain: false, dup: false, receivedAt: 1 })

/** The lines of the exposition without its comments. */
async function lines(...gauges: readonly Gauge[]): Promise<readonly string[]> {
  const { text } = await expose(rowsOf(gauges))
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('the last value of each combination of labels is shown, numbers of every kind as the nearest double', async () => {
  const gauge = gaugeOf()
  for (const value of [1, -0.5, 2n ** 60n, new NumberText('12345678901234567890.12')])
    show(gauge, { site: 101, unit: 'BAR', value })
  show(gauge, { site: true, unit: null, value: 6 })
  show(gauge, { site: true, value: 7 })
  show(gauge, { site: '', unit: 'a"b\\c\nd', value: 8 })
  assert.deepEqual(await lines(gauge), [
    'value{site="101",unit="BAR"} 12345678901234567000',
    'value{site="true"} 7',
    'value{unit="a\\"b\\\\c\\nd"} 8',
  ])
  assert.deepEqual(gauge.counts, { shown: 7, unshown: 0 })
})

test('columns in sub-rows, names of their own, and a value column with dots has the name of its last part', async () => {
  const values = {
    valueColumn: 'measured.value',
    labels: [{ column: 'meta.siteId', label: 'site' }, { column: 'meta.x' }],
  }
  const gauge = gaugeOf(values)
  show(gauge, { meta: { siteId: 1, x: 'y' }, measured: { value: 3 } })
  show(gauge, { meta: null, measured: { value: 4 } })
  assert.deepEqual(await lines(gauge), ['value{site="1",x="y"} 3', 'value 4'])
  const named = gaugeOf({ ...values, metric: 'plant:pressure_bar' })
  show(named, { meta: { siteId: 1, x: 'y' }, measured: { value: 3 } })
  assert.deepEqual(await lines(named), ['plant:pressure_bar{site="1",x="y"} 3'])
  assert.match((await expose(rowsOf([named]))).text, /^# HELP .+ measured\.value\.\n# TYPE plant:pressure_bar gauge$/m)
})

test('columns with names that JavaScript knows are columns as any other', async () => {
  const gauge = gaugeOf({ labels: [{ column: 'constructor' }, { column: 'toString' }, { column: 'hasOwnProperty' }] })
  show(gauge, { value: 1 })
  show(gauge, { value: 2, constructor: 'a', toString: 'b' })
  assert.deepEqual(await lines(gauge), ['value 1', 'value{constructor="a",toString="b"} 2'])
})

test('null takes a series away until the next number', async () => {
  const gauge = gaugeOf({ labels: [] })
  for (const value of [1, null]) show(gauge, { value })
  assert.deepEqual(await lines(gauge), [])
  show(gauge, { value: 2 })
  assert.deepEqual(await lines(gauge), ['value 2'])
  show(gaugeOf({ valueColumn: 'a.b' }), { a: null, site: 1, unit: 2 })
})

const refusals: readonly (readonly [what: string, payload: Payload, code: string, message: RegExp])[] = [
  ['no such column', { site: 1, unit: 2 }, 'ROW_MISSING', /^At \/value: the field is missing$/],
  ['text', { site: 1, unit: 2, value: 'secret' }, 'ROW_TYPE', /^At \/value: expected a number, found 6 characters of/],
  ['a truth', { site: 1, unit: 2, value: true }, 'ROW_TYPE', /found true$/],
  ['no number', { site: 1, unit: 2, value: Number.NaN }, 'ROW_TYPE', /found NaN$/],
  ['a number beyond all', { site: 1, unit: 2, value: new NumberText('1e999') }, 'ROW_TYPE', /expected a number/],
  ['a list', { site: 1, unit: 2, value: [1] }, 'ROW_TYPE', /found a list$/],
  [
    'a row as a label',
    { site: {}, unit: 2, value: 1 },
    'ROW_TYPE',
    /^At \/site: expected text or a number, found a row$/,
  ],
  ['a long label', { site: 'x'.repeat(201), unit: 2, value: 1 }, 'ROW_TYPE', /at most 200 characters, found 201/],
  ['bytes', Buffer.from('{"value":1}'), 'PAYLOAD_UNSUPPORTED', /put a row decoder before this node/],
  ['a bare number', 5, 'PAYLOAD_UNSUPPORTED', /only rows can be shown/],
]

test('what has no number, or a label that is none, is refused with the place and nothing of the text', async () => {
  const gauge = gaugeOf()
  for (const [what, payload, code, message] of refusals)
    assert.throws(
      () => show(gauge, payload),
      (error: unknown) => {
        assert.ok(error instanceof PipelineError, what)
        assert.deepEqual([error.code, error.disposition], [code, 'reject'], what)
        assert.match(error.message, message, what)
        return true
      },
    )
  assert.deepEqual(await lines(gauge), [])
  assert.deepEqual(gauge.counts, { shown: 0, unshown: 0 })
})

test('beyond maxSeries a further series is counted and not kept, while those that are shown go on', async () => {
  const gauge = gaugeOf({ maxSeries: '2' })
  const given = [1, 2, 3, 4].map((site) => show(gauge, { site, unit: 'x', value: site }))
  assert.deepEqual(given, [true, true, false, false])
  assert.equal(show(gauge, { site: 1, unit: 'x', value: 10 }), true)
  assert.deepEqual(await lines(gauge), ['value{site="2",unit="x"} 2', 'value{site="1",unit="x"} 10'])
  assert.deepEqual(gauge.counts, { shown: 3, unshown: 2 })
  show(gauge, { site: 2, unit: 'x', value: null })
  assert.equal(show(gauge, { site: 3, unit: 'x', value: 3 }), true, 'there is room again')
})

test('with expiryMs a series without a reading goes, and makes room; without it stays', async () => {
  let nowMs = 0
  const [expiring, lasting] = ['1 min', '0'].map((expiryMs) => gaugeOf({ expiryMs, maxSeries: '2' }, () => nowMs))
  for (const gauge of [expiring!, lasting!]) {
    nowMs = 0
    for (const site of [1, 2]) show(gauge, { site, unit: 'x', value: site })
    nowMs = 30_000
    show(gauge, { site: 1, unit: 'x', value: 5 })
    nowMs = 60_000
  }
  assert.equal(show(expiring!, { site: 3, unit: 'x', value: 3 }), true)
  assert.equal(show(lasting!, { site: 3, unit: 'x', value: 3 }), false)
  assert.deepEqual(await lines(expiring!), ['value{site="1",unit="x"} 5', 'value{site="3",unit="x"} 3'])
  nowMs = 1e9
  assert.deepEqual(await lines(expiring!), [])
  assert.equal((await lines(lasting!)).length, 2)
})

test('gauges of one metric are shown under one heading, and of one series the newest value, in whatever order', async () => {
  let nowMs = 0
  const now = () => nowMs++
  const first = gaugeOf({}, now)
  const second = gaugeOf({ labels: labels.toReversed() }, now)
  show(second, { site: 1, unit: 'x', value: 2 })
  show(first, { site: 1, unit: 'x', value: 1 })
  show(second, { site: 9, unit: 'x', value: 9 })
  const expected = ['value{site="1",unit="x"} 1', 'value{site="9",unit="x"} 9']
  assert.deepEqual(await lines(first, second), expected)
  assert.deepEqual([...(await lines(second, first))].sort(), expected)
  assert.equal((await expose(rowsOf([first, second]))).text.split('# TYPE').length, 2)
})

test('names that Prometheus does not take, more than five labels and a label twice are problems of their field', () => {
  const problemsOf = (values: Values) =>
    checkGauge(configOf(values)).map(({ field, problem }) => `${field} ${problem.text}`)
  assert.deepEqual(problemsOf({}), [])
  assert.match(problemsOf({ valueColumn: '1st' })[0]!, /^metric "1st" cannot be a metric/)
  for (const metric of ['constructor', '__proto__', 'toString'])
    assert.match(problemsOf({ metric })[0]!, /^metric ".+" is a name of JavaScript/)
  assert.match(problemsOf({ metric: 'rowline_health' })[0]!, /^metric must not begin with rowline_/)
  assert.match(problemsOf({ labels: [{ column: 'a-b' }] })[0]!, /^labels "a-b" cannot be a label/)
  assert.match(problemsOf({ labels: [{ column: 'a', label: '__name__' }] })[0]!, /^labels "__name__" cannot be/)
  assert.match(problemsOf({ labels: [{ column: 'a.x' }, { column: 'b.x' }] })[0]!, /two columns the label x$/)
  const six = Array.from({ length: 6 }, (_, n) => ({ column: `c${n}` }))
  assert.deepEqual(problemsOf({ labels: six.slice(1) }), [])
  assert.match(problemsOf({ labels: six })[0]!, /^labels has 6 rows; at most 5/)
  assert.match(parseFields(gaugeFields, { valueColumn: 'a..b' }).problems[0]!.problem.text, /single dots/)
})
