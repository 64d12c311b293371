import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytes,
  choice,
  code,
  duration,
  type Field,
  flag,
  integer,
  node,
  optionalInteger,
  parseField,
  parseFields,
  secret,
  table,
  text,
} from '../../src/config/fields.ts'
import { Problem } from '../../src/core/problem.ts'

const said = { label: 'Label', note: 'Note.' }
const problemOf = (field: Field<unknown>, raw: unknown) => {
  const parsed = parseField(field, raw)
  return parsed instanceof Problem ? parsed.text : undefined
}

test('an absent or empty value is the default', () => {
  const fields = {
    topic: text({ ...said, default: 'rows' }),
    lingerMs: duration({ ...said, default: 5, min: 0, max: 10 }),
    acks: choice({ ...said, values: ['all', 'leader'], default: 'all' }),
    tls: flag({ ...said, default: true }),
    schema: node({ ...said, nodeType: 'row-schema', optional: true }),
    rows: table({ ...said, columns: { filter: text(said) } }),
    password: secret(said),
    port: optionalInteger({ ...said, min: 1, max: 10 }),
  }
  const defaults = { topic: 'rows', lingerMs: 5, acks: 'all', tls: true, schema: '', rows: [], password: '' }
  for (const raw of [undefined, null, '']) {
    const values = Object.fromEntries(Object.keys(fields).map((name) => [name, raw]))
    assert.deepEqual(parseFields(fields, values), { config: { ...defaults, port: undefined }, problems: [] })
  }
})

test('an empty text stands for itself where the field says so', () => {
  const key = text({ ...said, default: '{topic}', blank: true })
  assert.equal(parseField(key, ''), '')
  assert.equal(parseField(key, undefined), '{topic}')
})

test('a required value that is absent is a problem', () => {
  const source = node({ ...said, nodeType: 'mqtt-v3-source' })
  for (const field of [text(said), code(said), integer({ ...said, min: 0, max: 1 }), source])
    assert.equal(problemOf(field, ''), 'is required')
  const rows = table({ ...said, columns: {}, required: true })
  assert.equal(problemOf(rows, undefined), 'is required')
  assert.equal(problemOf(rows, []), 'needs at least one row')
})

test('a number is read from text and held to its limits, which the problem names', () => {
  assert.equal(parseField(integer({ ...said, min: 1, max: 65_535 }), '1883'), 1883)
  assert.equal(parseField(duration({ ...said, min: 0, max: 60_000 }), '1 min'), 60_000)
  assert.equal(parseField(bytes({ ...said, min: 1, max: 1 << 20 }), '1 MiB'), 1 << 20)
  const port = integer({ ...said, min: 1, max: 65_535 })
  for (const raw of ['0', '65536', 'x', '1.5', -1])
    assert.equal(problemOf(port, raw), 'must be a whole number from 1 to 65535')
  assert.equal(problemOf(duration({ ...said, min: 0, max: 60_000 }), '61 s'), 'must be a time from 0 to 1 min')
  assert.equal(problemOf(bytes({ ...said, min: 1024, max: 1 << 20 }), '1'), 'must be a size from 1 KiB to 1 MiB')
})

test('a choice and a flag take only what they offer, also as text', () => {
  const qos = choice({ ...said, values: ['0', '1'], default: '1' })
  assert.equal(parseField(qos, 0), '0')
  assert.equal(problemOf(qos, '5'), 'must be one of 0, 1')
  assert.equal(parseField(flag({ ...said, default: false }), 'true'), true)
  assert.equal(parseField(flag({ ...said, default: true }), 'false'), false)
  assert.equal(problemOf(flag({ ...said, default: true }), 'yes'), 'must be true or false')
})

test('a text is checked by the rule of its field', () => {
  const rules = Problem.area('rules', { slash: 'must begin with {sign}' })
  const check = (value: string) => (value.startsWith('/') ? undefined : rules.of('slash', { sign: '/' }))
  const path = text({ ...said, check })
  assert.equal(problemOf(path, 'a'), 'must begin with /')
  assert.equal(parseField(path, '/a'), '/a')
  assert.equal(problemOf(path, {}), 'must be text')
})

test('a table gives its rows parsed, and names row and column of each problem', () => {
  const columns = {
    filter: text({ ...said, label: 'Topic filter' }),
    qos: integer({ ...said, label: 'QoS', min: 0, max: 2, default: 1 }),
  }
  const rows = table({ ...said, columns })
  assert.deepEqual(parseField(rows, [{ filter: 'a', qos: '2' }, { filter: 'b' }]), [
    { filter: 'a', qos: 2 },
    { filter: 'b', qos: 1 },
  ])
  assert.equal(
    problemOf(rows, [{ filter: 'a' }, { filter: '', qos: 3 }]),
    'row 2: Topic filter is required; row 2: QoS must be a whole number from 0 to 2',
  )
  assert.equal(problemOf(rows, [null]), 'row 1: Topic filter is required')
  assert.equal(problemOf(rows, 'a'), 'must be a list of rows')
})

test('all problems are reported at once, and what is not declared is left alone', () => {
  const fields = { host: text(said), port: integer({ ...said, min: 1, max: 65_535, default: 1883 }) }
  const { problems } = parseFields(fields, { port: '0', name: 'mine' })
  assert.deepEqual(
    problems.map(({ field, problem }) => `${field} ${problem.text}`),
    ['host is required', 'port must be a whole number from 1 to 65535'],
  )
})
