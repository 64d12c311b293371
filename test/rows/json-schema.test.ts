import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { Problem } from '../../src/core/problem.ts'
import { decodeJson } from '../../src/rows/decode-json.ts'
import { compileJsonSchema } from '../../src/rows/json-schema/json-schema-validator.ts'
import { readJsonSchema } from '../../src/rows/json-schema/read-json-schema.ts'
import { sensorReading, sensorSchema } from './sensor-schema.ts'

/** What is said of the document; undefined where it fits. */
function problemOf(schema: object | string | boolean, document: unknown): string | undefined {
  const read = readJsonSchema(typeof schema === 'string' ? schema : JSON.stringify(schema))
  if (read instanceof Problem) return `schema ${read.text}`
  try {
    const validate = compileJsonSchema(read)
    validate(decodeJson(Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))))
  } catch (error) {
    assert.ok(error instanceof PipelineError, String((error as Error).stack))
    return error.message.replace('The payload does not fit the JSON Schema: ', '')
  }
  return undefined
}

const draft07 = 'http://json-schema.org/draft-07/schema#'

test('D6: the reading fits, and each wrong one is refused with every path that fails', () => {
  assert.equal(problemOf(sensorSchema, sensorReading), undefined)
  assert.equal(
    problemOf(sensorSchema, { value: 23.5 }),
    'at /device_id: is missing; at /sensor_type: is missing; at /timestamp: is missing',
  )
  assert.equal(
    problemOf(sensorSchema, { ...sensorReading, sensor_type: 'INVALID_TYPE' }),
    'at /sensor_type: must be one of "temperature", "humidity", "pressure", "light", "motion", found "INVALID_TYPE"',
  )
  assert.equal(
    problemOf(sensorSchema, { ...sensorReading, value: '1', timestamp: 'yesterday', 'a/b~c': 1 }),
    'at /a~1b~0c: is not allowed; at /value: must be number, found "1"; at /timestamp: must be of the format date-time, found "yesterday"',
  )
  assert.equal(problemOf(sensorSchema, []), 'at the top level: must be object, found []')
})

test('formats are checked, those that nobody knows are not, and integers keep to their bits', () => {
  const format = (name: string, value: unknown) => problemOf({ format: name }, value) === undefined
  assert.deepEqual(
    ['2024-02-29T12:00:00Z', '2023-02-29T12:00:00Z', '2024-01-09T20:30:00', '2024-01-09T20:30:00+02:00'].map((text) =>
      format('date-time', JSON.stringify(text)),
    ),
    [true, false, false, true],
  )
  const cases = [
    ['ipv4', '127.0.0.1', '256.0.0.1'],
    ['ipv6', '::1', ':::1'],
    ['email', 'plant@example.com', 'plant'],
    ['uuid', '0f2f3a50-9a7c-4e9b-8a63-2f2a6e1c7d11', '0f2f3a50'],
    ['hostname', 'plc-1.example.com', '-plc'],
    ['uri', 'opc.tcp://plc:4840/a?b#c', 'no uri'],
    ['duration', 'PT1H', 'P'],
    ['regex', '^a$', '('],
    ['date', '2024-02-29', '2023-02-29'],
    ['time', '12:00:00Z', '25:00:00Z'],
    ['json-pointer', '/a/b', 'a'],
    ['int32', '2147483647', '2147483648'],
    ['int64', '9223372036854775807', '9223372036854775808'],
    ['int64', '-9223372036854775808', '1.5'],
  ] as const
  for (const [name, right, wrong] of cases) {
    const value = (text: string) => (name.startsWith('int') ? text : JSON.stringify(text))
    assert.deepEqual([format(name, value(right)), format(name, value(wrong))], [true, false], name)
  }
  assert.equal(format('colour', '"red"'), true)
})

test('references inside the document are followed, in both drafts', () => {
  const tree = {
    $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' }, v: { type: 'integer' } } } },
  }
  assert.equal(problemOf({ ...tree, $ref: '#/$defs/node' }, { next: { next: { v: 1 } } }), undefined)
  assert.equal(
    problemOf({ ...tree, $ref: '#/$defs/node' }, { next: { next: { v: 'x' } } }),
    'at /next/next/v: must be integer, found "x"',
  )
  const old = {
    $schema: draft07,
    definitions: { 'a b/c': { type: 'string' } },
    items: [{ $ref: '#/definitions/a%20b~1c' }],
  }
  assert.equal(problemOf(old, ['x']), undefined)
  assert.equal(problemOf(old, [1]), 'at /0: must be string, found 1')
  const anchored = {
    $defs: { x: { $anchor: 'positive', exclusiveMinimum: 0 } },
    additionalProperties: { $ref: '#positive' },
  }
  assert.equal(problemOf(anchored, { a: 0 }), 'at /a: must keep the exclusiveMinimum 0, found 0')
  assert.equal(
    problemOf({ anywhere: { type: 'string' }, $ref: '#/anywhere' }, 1),
    'at the top level: must be string, found 1',
  )
})

test('each draft knows its own keywords', () => {
  assert.equal(
    problemOf({ prefixItems: [{ type: 'string' }], items: false }, ['a', 1]),
    'at the top level: must NOT have more than 1 items, found ["a",1]',
  )
  assert.equal(problemOf({ $schema: draft07, prefixItems: [{ type: 'string' }] }, [1]), undefined)
  assert.equal(
    problemOf({ properties: { a: {} }, unevaluatedProperties: false }, { a: 1, b: 2 }),
    'at /b: is not allowed',
  )
  assert.equal(
    problemOf({ $schema: draft07, items: [{}], additionalItems: false }, [1, 2]),
    'at the top level: must NOT have more than 1 items, found [1,2]',
  )
  assert.equal(problemOf({ dependentRequired: { a: ['b'] } }, { a: 1 }), 'at /b: is missing')
  assert.equal(
    problemOf({ propertyNames: { pattern: '^[a-z]+$' } }, { A: 1 }),
    'at the top level: the key "A" must match the pattern ^[a-z]+$; at the top level: property name must be valid',
  )
  assert.equal(problemOf(false, 1), 'at the top level: is not allowed')
  assert.equal(problemOf(true, '"anything"'), undefined)
})

test('properties that only a pattern allows are seen beside alternatives that see none, or all', () => {
  const patternProperties = { '^[ab]': true }
  const rest = { patternProperties, unevaluatedProperties: false }
  const none = { oneOf: [{ properties: { a: true }, type: 'null' }, true], ...rest }
  assert.equal(problemOf(none, { a: 0 }), undefined)
  assert.equal(problemOf(none, { c: 1 }), 'at /c: is not allowed')
  const all = { oneOf: [{ properties: { a: true }, additionalProperties: true }, false], ...rest }
  assert.equal(problemOf(all, { a: 0, c: 1 }), undefined)
})

test('integers of any size are compared digit by digit', () => {
  const wrong = (schema: string, document: string) => problemOf(schema, document)
  assert.equal(
    wrong('{"maximum":9007199254740992}', '9007199254740993'),
    'at the top level: must keep the maximum 9007199254740992, found 9007199254740993',
  )
  assert.equal(wrong('{"maximum":9007199254740993}', '9007199254740993'), undefined)
  assert.equal(wrong('{"maximum":9223372036854775807}', '{"a":[1]}'), undefined)
  assert.notEqual(wrong('{"items":{"maximum":9223372036854775807}}', '[9223372036854775808]'), undefined)
  assert.equal(wrong('{"items":{"minimum":-9223372036854775808}}', '[-9223372036854775808]'), undefined)
  assert.notEqual(wrong('{"additionalProperties":{"multipleOf":2}}', '{"a":9007199254740993}'), undefined)
  assert.equal(wrong('{"additionalProperties":{"multipleOf":9007199254740993}}', '{"a":18014398509481986}'), undefined)
  assert.equal(wrong('{"uniqueItems":true}', '[9007199254740992,9007199254740993]'), undefined)
  assert.notEqual(wrong('{"uniqueItems":true}', '[9007199254740993,9007199254740993]'), undefined)
  assert.notEqual(wrong('{"uniqueItems":true}', '[[9007199254740993],[9007199254740993]]'), undefined)
  assert.equal(wrong('{"type":"integer"}', '12345678901234567890123'), undefined)
  assert.match(
    wrong('{"properties":{"a":{"const":[9007199254740993]}}}', '1')!,
    /at #\/properties\/a: "const" holds an integer beyond 2\^53/,
  )
})

test('decimal steps count as they are written', () => {
  assert.equal(problemOf({ multipleOf: 0.01 }, 19.99), undefined)
  assert.equal(problemOf({ multipleOf: 0.1 }, 0.3), undefined)
  assert.equal(problemOf({ multipleOf: 1e-8 }, 12.34567891), undefined)
  assert.notEqual(problemOf({ multipleOf: 0.01 }, 19.995), undefined)
  assert.notEqual(problemOf({ multipleOf: 3 }, 1e21), undefined)
})

test('equal items and values are found whatever the order of their keys', () => {
  assert.notEqual(problemOf({ uniqueItems: true }, '[{"a":1,"b":2},{"b":2,"a":1}]'), undefined)
  assert.equal(problemOf({ uniqueItems: true }, '[1,"1",true,"true",null,"null",[],{},0]'), undefined)
  assert.notEqual(problemOf({ uniqueItems: true }, '[0,-0]'), undefined)
  assert.equal(problemOf({ enum: [{ a: 1, b: 2 }, null] }, '{"b":2,"a":1}'), undefined)
  assert.notEqual(problemOf({ enum: ['object {}'] }, {}), undefined)
  assert.notEqual(problemOf({ enum: [{}] }, '"object {}"'), undefined)
})

test('what every object has of itself is no property', () => {
  assert.equal(
    problemOf({ required: ['constructor', '__proto__'] }, {}),
    'at /constructor: is missing; at /__proto__: is missing',
  )
  assert.equal(problemOf({ properties: { toString: { type: 'number' }, constructor: false } }, {}), undefined)
  assert.equal(problemOf('{"required":["__proto__"]}', '{"__proto__":{"polluted":1}}'), undefined)
  assert.equal(problemOf('{"additionalProperties":false}', '{"__proto__":1}'), 'at /__proto__: is not allowed')
  assert.notEqual(problemOf({ const: {} }, '{"toString":1,"valueOf":2}'), undefined)
  assert.equal(problemOf('{"const":{"constructor":1}}', '{"constructor":1}'), undefined)
  assert.equal(({} as { polluted?: number }).polluted, undefined)
})

test('a schema that cannot be used is refused with the place and the reason', () => {
  const cases: readonly (readonly [schema: string | object, problem: RegExp])[] = [
    ['{', /^schema it is not valid JSON/],
    ['[]', /^schema must be a JSON object, true or false$/],
    [{ type: 'number ' }, /^JSON Schema: #\/type must be equal to one of/],
    [{ properties: { a: { type: 'nil' } } }, /#\/properties\/a\/type/],
    [{ $ref: '#/$defs/x' }, /^JSON Schema: can't resolve reference #\/\$defs\/x/],
    [{ $ref: 'https://example.com/other.json' }, /^JSON Schema: can't resolve reference https:\/\/example.com/],
    [{ $schema: 'http://json-schema.org/draft-04/schema#' }, /^schema names a \$schema that is not supported/],
    [{ items: { pattern: '(a)\\1' } }, /^schema at #\/items: the pattern "\(a\)\\\\1" cannot be used: .*refers back/],
    [{ patternProperties: { '[': true } }, /^schema at #: the pattern "\[" cannot be used/],
    [{ $ref: '#' }, /^JSON Schema: refers to itself without end$/],
    [{ allOf: [{ $ref: '#/allOf/1' }, { not: { $ref: '#' } }] }, /refers to itself without end$/],
    ['{"minimum":1e999}', /^schema holds a number that is too large: 1e999$/],
    [{ multipleOf: 0 }, /#\/multipleOf must be > 0/],
    [`{"not":${'{"not":'.repeat(150)}true${'}'.repeat(151)}`, /nested more than 100 deep/],
    [`{"title":"${'x'.repeat(200_000)}"}`, /longer than 200000 characters/],
  ]
  for (const [schema, problem] of cases) assert.match(problemOf(schema, 1) ?? 'fits', problem)
})

test('the largest schema that is taken compiles, and a larger one is refused', () => {
  const schema = (count: number) => ({ anyOf: Array.from({ length: count }, (_, i) => ({ const: i })) })
  assert.equal(problemOf(schema(999), 998), undefined)
  assert.match(problemOf(schema(1000), 1)!, /^schema holds more than 1000 schemas$/)
  const patterns = { anyOf: Array.from({ length: 50 }, () => ({ pattern: 'a{1,2000}' })) }
  assert.equal(problemOf(patterns, 1), 'schema has patterns that are too large together')
  const properties = Object.fromEntries(Array.from({ length: 999 }, (_, i) => [`p${i}`, { type: 'integer' }]))
  assert.equal(problemOf({ properties, required: Object.keys(properties) }, 1), undefined)
})

test('keywords that have no effect are listed with their place', () => {
  const read = readJsonSchema('{"requred":["a"],"x-unit":"bar","properties":{"requred":{"minimun":1}}}')
  assert.ok(!(read instanceof Problem))
  assert.deepEqual(read.ignored, [
    '#: "requred" has no effect: it is no keyword of JSON Schema',
    '#/properties/requred: "minimun" has no effect: it is no keyword of JSON Schema',
  ])
})

test('what takes for ever elsewhere is answered in time', () => {
  const deep = {
    $ref: '#/$defs/l0',
    $defs: Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `l${i}`,
        i === 39 ? { type: 'integer' } : { allOf: [{ $ref: `#/$defs/l${i + 1}` }, { $ref: `#/$defs/l${i + 1}` }] },
      ]),
    ),
  }
  const branching = {
    anyOf: [1, 2].map((maxProperties) => ({ properties: { a: { $ref: '#' } }, type: 'object', maxProperties })),
  }
  const nested = `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`
  const cases: readonly (readonly [schema: object, document: unknown, problem: RegExp])[] = [
    [deep, 1, /refers to itself without end/],
    [branching, nested, /takes too long/],
    [{ pattern: '^(a+)+$' }, JSON.stringify(`${'a'.repeat(200_000)}!`), /must match the pattern|takes too long/],
    [
      { patternProperties: { '^(a|a)*$': true }, additionalProperties: false },
      { [`${'a'.repeat(200_000)}!`]: 1 },
      /not allowed|takes too long/,
    ],
    [{ format: 'url' }, JSON.stringify(`http://${':'.repeat(200_000)}`), /format url|takes too long/],
    [{ format: 'email' }, JSON.stringify(`a@${'a.'.repeat(100_000)}!`), /format email|takes too long/],
    [{ format: 'uri' }, JSON.stringify(`a://${'%'.repeat(200_000)}`), /format uri|takes too long/],
    [{ format: 'regex' }, JSON.stringify('('.repeat(200_000)), /format regex|takes too long/],
    [{ format: 'date-time' }, JSON.stringify(`${'2024-01-01T'.repeat(20_000)}`), /format date-time/],
    [{ format: 'byte' }, JSON.stringify(`${'A'.repeat(400_001)}`), /format byte/],
    [
      { uniqueItems: true, items: { type: 'string' } },
      Array.from({ length: 100_000 }, (_, i) => [i]),
      /must be string/,
    ],
    [
      { items: { enum: Array.from({ length: 10_000 }, (_, i) => `v${i}`) } },
      Array.from({ length: 100_000 }, () => 'v9999'),
      /fits/,
    ],
    [
      { items: { type: 'integer' } },
      Array.from({ length: 300_000 }, () => 'x'),
      /at \/99: must be integer, found "x"; and more$/,
    ],
  ]
  const { maxRSS } = process.resourceUsage()
  for (const [schema, document, problem] of cases) {
    const started = performance.now()
    assert.match(problemOf(schema, document) ?? 'fits', problem)
    const ms = performance.now() - started
    assert.ok(ms < 10_000, `${JSON.stringify(schema).slice(0, 60)} took ${ms} ms`)
  }
  const growth = (process.resourceUsage().maxRSS - maxRSS) / 1024
  assert.ok(growth < 400, `${growth} MB`)
})

test('a message stays short whatever is wrong', () => {
  const long = 'x'.repeat(40_000)
  const message = problemOf(
    {
      additionalProperties: false,
      properties: { a: { enum: [long] }, b: { const: long }, c: { pattern: `^${long.slice(0, 9000)}$` } },
    },
    { a: long, b: long, c: long, [long]: 1 },
  )
  assert.ok(message!.length < 2000, String(message!.length))
})
