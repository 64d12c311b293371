import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { type Row, toJson } from '../../src/core/record.ts'
import { Envelope } from '../../src/rows/sparkplug/payload.ts'
import { rebirthCommand } from '../../src/rows/sparkplug/rebirth.ts'
import { readTopic } from '../../src/rows/sparkplug/topic.ts'
import { encode, type Message, nodeBirth, nodeBirthRow, sparkplugNode } from './sparkplug-payloads.ts'

const topic = 'spBv1.0/uns_group/NBIRTH/eon1'

const decoded = (bytes: Uint8Array): Row => {
  const envelope = new Envelope(bytes)
  return envelope.row(envelope.metrics().metrics)
}

const metricOf = (metric: Message): Row => (decoded(encode({ metrics: [metric] })).metrics as readonly Row[])[0]!

function problemOf(decode: () => unknown): string {
  try {
    decode()
  } catch (error) {
    assert.ok(error instanceof PipelineError, String(error))
    assert.deepEqual([error.code, error.reason, error.disposition], ['SPARKPLUG_INVALID', 'sparkplug', 'reject'])
    return error.message
  }
  assert.fail('nothing was thrown')
}

test('C5: the NBIRTH of the bridge becomes its JSON', () => {
  const { decode } = sparkplugNode()
  const { payload, original } = decode({ ...message(nodeBirth), topic })!
  assert.equal(toJson(payload as never), nodeBirthRow)
  assert.equal(original, nodeBirth)
})

const message = (payload: Uint8Array) => ({
  topic,
  payload,
  qos: 1 as const,
  retain: false,
  dup: false,
  receivedAt: 5,
})

test('C5: the state of a host is JSON', () => {
  const { rowOf, decode } = sparkplugNode()
  const state = { online: true, timestamp: 1668114759262 }
  assert.deepEqual(rowOf(Buffer.from(JSON.stringify(state)), 'spBv1.0/STATE/scada_1'), state)
  assert.throws(() => decode({ ...message(nodeBirth), topic: 'spBv1.0/STATE/scada_1' }), { code: 'JSON_INVALID' })
})

test('whole numbers have the sign of their type, however far it was extended', () => {
  const cases: readonly (readonly [datatype: number, field: string, raw: string | number, value: number | bigint])[] = [
    [1, 'intValue', 246, -10],
    [1, 'intValue', 4294967286, -10],
    [1, 'intValue', 127, 127],
    [1, 'intValue', 128, -128],
    [1, 'intValue', 300, 300],
    [1, 'longValue', '18446744073709551606', -10],
    [1, 'longValue', '4294967286', -10],
    [2, 'intValue', 65526, -10],
    [2, 'intValue', 4294967286, -10],
    [2, 'intValue', 32767, 32767],
    [3, 'intValue', 4294967286, -10],
    [3, 'intValue', 2147483648, -2147483648],
    [3, 'longValue', '18446744073709551606', -10],
    [4, 'longValue', '18446744073709551606', -10],
    [4, 'longValue', '9223372036854775808', -(2n ** 63n)],
    [4, 'longValue', '9223372036854775807', 2n ** 63n - 1n],
    [4, 'longValue', '9007199254740993', 9007199254740993n],
    [4, 'longValue', '18437736874454810624', -(2 ** 53)],
    [4, 'longValue', '18437736874454810625', Number.MIN_SAFE_INTEGER],
    [4, 'longValue', '9007199254740991', Number.MAX_SAFE_INTEGER],
    [4, 'longValue', '9007199254740992', 9007199254740992n],
    [4, 'intValue', 4294967286, 4294967286],
    [5, 'intValue', 246, 246],
    [6, 'intValue', 65526, 65526],
    [7, 'intValue', 4294967286, 4294967286],
    [8, 'longValue', '18446744073709551615', 2n ** 64n - 1n],
    [13, 'longValue', '1671554024644', 1671554024644],
  ]
  for (const [datatype, field, raw, value] of cases) {
    const shown = `${datatype} ${field} ${raw}`
    const found = metricOf({ datatype, [field]: raw }).value
    assert.equal(String(found), String(value), shown)
    assert.equal(typeof found, Number.isSafeInteger(Number(value)) ? 'number' : 'bigint', shown)
  }
  assert.equal(metricOf({ intValue: 4294967286 }).value, 4294967286, 'without a type there is no sign')
})

test('an int of a wrong size is read by its lowest 32 bits', () => {
  const negative = [...Array(9).fill(0xff), 0x01]
  negative[0] = 0xf6
  const metric = Uint8Array.from([0x20, 3, 0x50, ...negative])
  assert.deepEqual(decoded(Uint8Array.from([0x12, metric.length, ...metric])).metrics, [{ datatype: 3, value: -10 }])
})

test('floats are the shortest number of their 32 bits, and what JSON lacks is text', () => {
  const floats = [3.14, 23.45, -0.1, 1e-7, 16777217, 123456.7, 1.17549435e-38, 0.1234567, 33.333, 2 ** 40]
  for (const value of floats) {
    const found = metricOf({ datatype: 9, floatValue: value }).value as number
    assert.equal(Math.fround(found), Math.fround(value))
    assert.ok(String(found).length <= String(value).length, `${found} for ${value}`)
  }
  assert.equal(metricOf({ floatValue: Number.NaN }).value, 'NaN')
  assert.equal(metricOf({ doubleValue: Number.NEGATIVE_INFINITY }).value, '-Infinity')
  assert.equal(metricOf({ doubleValue: 0.1 + 0.2 }).value, 0.1 + 0.2)
})

test('bytes are a copy and base64 in JSON; null, historical and transient are said', () => {
  const bytes = encode({
    metrics: [{ name: 'b', datatype: 17, bytesValue: Buffer.from([0, 255, 1]) }],
    body: Buffer.from('x'),
  })
  const row = decoded(bytes)
  assert.equal(toJson(row), '{"metrics":[{"name":"b","datatype":17,"value":"AP8B"}],"body":"eA=="}')
  bytes.fill(0)
  assert.equal(toJson(row), '{"metrics":[{"name":"b","datatype":17,"value":"AP8B"}],"body":"eA=="}')
  assert.deepEqual(metricOf({ name: 'n', datatype: 3, isNull: true, intValue: 5 }), {
    name: 'n',
    datatype: 3,
    is_null: true,
    value: null,
  })
  assert.deepEqual(metricOf({ alias: 7, isHistorical: true, isTransient: false, isNull: false, stringValue: 'x' }), {
    alias: 7,
    is_historical: true,
    is_transient: false,
    is_null: false,
    value: 'x',
  })
})

test('metadata and properties keep every field, property sets within property sets too', () => {
  const found = metricOf({
    name: 'm',
    booleanValue: true,
    metadata: {
      isMultiPart: false,
      contentType: 'text/csv',
      size: '9007199254740993',
      seq: 2,
      fileName: 'f',
      fileType: 'csv',
      md5: 'abc',
      description: 'd',
    },
    properties: {
      keys: ['Quality', 'unit', 'none', '__proto__', 'set', 'sets'],
      values: [
        { type: 1, intValue: 246 },
        { type: 12, stringValue: '°C' },
        { type: 3, isNull: true },
        { type: 10, doubleValue: 0.5 },
        { type: 20, propertysetValue: { keys: ['a'], values: [{ type: 4, longValue: '18446744073709551606' }] } },
        { type: 21, propertysetsValue: { propertyset: [{ keys: ['b'], values: [{ floatValue: 1.5 }] }, {}] } },
      ],
    },
  })
  assert.equal(
    toJson(found),
    '{"name":"m","metadata":{"is_multi_part":false,"content_type":"text/csv","size":9007199254740993,"seq":2,' +
      '"file_name":"f","file_type":"csv","md5":"abc","description":"d"},' +
      '"properties":{"Quality":{"type":1,"value":-10},"unit":{"type":12,"value":"°C"},' +
      '"none":{"type":3,"is_null":true,"value":null},"__proto__":{"type":10,"value":0.5},' +
      '"set":{"type":20,"value":{"a":{"type":4,"value":-10}}},"sets":{"type":21,"value":[{"b":{"value":1.5}},{}]}},' +
      '"value":true}',
  )
  assert.match(
    problemOf(() => metricOf({ properties: { keys: ['a', 'b'], values: [{ intValue: 1 }] } })),
    /there are 2 properties with 1 values \(byte 5\)/,
  )
  assert.match(
    problemOf(() => metricOf({ properties: { keys: ['a', 'a'], values: [{ intValue: 1 }, { intValue: 2 }] } })),
    /a property is there twice/,
  )
})

test('a DataSet is its columns, types and rows; a Template its metrics and parameters', () => {
  const dataset = {
    numOfColumns: 3,
    columns: ['n', 's', 'b'],
    types: [1, 12, 11],
    rows: [
      { elements: [{ intValue: 246 }, { stringValue: 'x' }, { booleanValue: true }] },
      { elements: [{}, { stringValue: '' }, { longValue: 1 }] },
      {},
    ],
  }
  assert.deepEqual(metricOf({ name: 'd', datatype: 16, datasetValue: dataset }).value, {
    num_of_columns: 3,
    columns: ['n', 's', 'b'],
    types: [1, 12, 11],
    rows: [[-10, 'x', true], [null, '', 1], []],
  })
  const template = {
    version: 'v1',
    templateRef: 'Pump',
    isDefinition: false,
    metrics: [
      { name: 'speed', datatype: 2, intValue: 65526 },
      { name: 'inner', datatype: 19, templateValue: { metrics: [{ alias: 3, booleanValue: false }] } },
    ],
    parameters: [{ name: 'p', type: 3, intValue: 4294967286 }, { name: 'q' }],
  }
  assert.deepEqual(metricOf({ name: 't', datatype: 19, templateValue: template }).value, {
    version: 'v1',
    template_ref: 'Pump',
    is_definition: false,
    metrics: [
      { name: 'speed', datatype: 2, value: -10 },
      { name: 'inner', datatype: 19, value: { metrics: [{ alias: 3, value: false }], parameters: [] } },
    ],
    parameters: [
      { name: 'p', type: 3, value: -10 },
      { name: 'q', value: null },
    ],
  })
  const packed = Uint8Array.from([0x12, 7, 0x8a, 1, 4, 0x1a, 2, 1, 12])
  assert.deepEqual(decoded(packed).metrics, [{ value: { columns: [], types: [1, 12], rows: [] } }])
})

test('arrays become lists; bytes that do not fit their type stay bytes', () => {
  const arrays: readonly (readonly [datatype: number, hex: string, expected: readonly unknown[]])[] = [
    [22, 'f67f', [-10, 127]],
    [23, 'f6ff', [-10]],
    [24, '15cd5b07b168de3a', [123456789, 987654321]],
    [25, 'f6ffffffffffffff01000000000020 00'.replace(' ', ''), [-10, 9007199254740993n]],
    [26, 'f6', [246]],
    [27, 'f6ff', [65526]],
    [28, 'f6ffffff', [4294967286]],
    [29, 'ffffffffffffffff', [2n ** 64n - 1n]],
    [30, 'c3f54840', [3.14]],
    [31, '000000000000f87f0000000000002840', ['NaN', 12]],
    [32, '0c00000034d0', [false, false, true, true, false, true, false, false, true, true, false, true]],
    [32, '00000000', []],
    [33, '4142430068656c6c6f00', ['ABC', 'hello']],
    [33, '', []],
    [34, 'c7d0907524010000', [1256102875335]],
  ]
  for (const [datatype, hex, expected] of arrays) {
    const metric = metricOf({ datatype, bytesValue: Buffer.from(hex, 'hex') })
    assert.deepEqual(metric, { datatype, value: expected }, String(datatype))
  }
  for (const [datatype, hex] of [
    [24, '15cd5b'],
    [32, '0c00000034'],
    [32, '0c'],
    [33, '4142'],
    [33, 'ff00'],
    [18, '00'],
  ] as const)
    assert.deepEqual(metricOf({ datatype, bytesValue: Buffer.from(hex, 'hex') }).value, Buffer.from(hex, 'hex'))
})

test('text is exact, whatever its length, and must be UTF-8', () => {
  for (const text of ['', 'x', '\ufeffx', '\ufffd', 'é'.repeat(40), 'a'.repeat(64), 'b'.repeat(65), '😀\0'])
    assert.equal(metricOf({ stringValue: text }).value, text)
  const names = Array.from({ length: 5000 }, (_, i) => `Line ${i % 7}/Metric ${i}`)
  const { metrics } = decoded(encode({ metrics: names.map((name) => ({ name })) }))
  assert.deepEqual(
    (metrics as readonly Row[]).map(({ name }) => name),
    names,
  )
  assert.match(
    problemOf(() => decoded(Uint8Array.from([0x12, 3, 0x0a, 1, 0xb0]))),
    /a text is not UTF-8 \(byte 5\)/,
  )
})

test('C5: what is no Sparkplug B is rejected with the byte', () => {
  for (let length = 1; length < nodeBirth.length; length++) {
    const cut = nodeBirth.subarray(0, length)
    const whole = decodesWhole(cut)
    if (!whole)
      assert.match(
        problemOf(() => decoded(cut)),
        /valid Sparkplug B: .* \(byte \d+\)$/,
      )
  }
  const cases: readonly (readonly [bytes: Uint8Array, problem: RegExp])[] = [
    [nodeBirth.subarray(0, -1), /a number is cut off \(byte 191\)/],
    [nodeBirth.subarray(0, 20), /a field is longer than what is left: the payload is cut off \(byte 9\)/],
    [Buffer.from('hello'), /there is the wire type 4, which Sparkplug B has not \(byte 3\)/],
    [Buffer.from('{"timestamp":1}'), /there is the wire type 3/],
    [Uint8Array.from([0x00]), /a field has the number 0/],
    [Uint8Array.from([0x0a, 0]), /field 1 has the wire type 2/],
    [Uint8Array.from([0x12, 2, 0x5a, 0]), /field 11 has the wire type 2/],
    [Uint8Array.from([0x08, ...Array(10).fill(0xff), 1]), /more than 64 bits/],
    [Uint8Array.from([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]), /a length is beyond the end/],
    [Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]), /a field has a number that none can have/],
  ]
  for (const [bytes, problem] of cases)
    assert.match(
      problemOf(() => decoded(bytes)),
      problem,
    )
})

/** Where a cut is between two fields, the rest is a payload of its own. */
function decodesWhole(bytes: Uint8Array): boolean {
  const ends = [7, 32, 57, 83, 109, 154, 189]
  return ends.includes(bytes.length)
}

test('extensions are skipped, and a value of one is kept as bytes', () => {
  const extension = [0xca, 0x3e, 2, 1, 2]
  assert.deepEqual(decoded(Uint8Array.from([...extension, 0x18, 4])), { metrics: [], seq: 4 })
  assert.deepEqual(decoded(Uint8Array.from([0x12, 4, 0x9a, 1, 1, 9])).metrics, [{ value: Buffer.from([9]) }])
})

test('bombs of parts and of depth are refused', () => {
  const parts = Buffer.alloc(2_400_000)
  for (let i = 0; i < parts.length; i += 2) parts[i] = 0x12
  assert.match(
    problemOf(() => decoded(parts)),
    /more than 1000000 parts/,
  )
  let template: Message = {}
  let set: Message = {}
  for (let i = 0; i < 101; i++) {
    template = { metrics: [{ templateValue: template }] }
    set = { keys: ['s'], values: [{ propertysetValue: set }] }
  }
  assert.match(
    problemOf(() => metricOf({ templateValue: template })),
    /nested more than 100 deep/,
  )
  assert.match(
    problemOf(() => metricOf({ properties: set })),
    /nested more than 100 deep/,
  )
})

test('topics say the edge node, the device and where commands go', () => {
  const edge = { edgeNode: 'G/E', device: undefined, isCertificate: false, commandTopic: 'spBv1.0/G/NCMD/E' }
  assert.deepEqual(readTopic('spBv1.0/G/NDATA/E'), { ...edge, type: 'NDATA', kind: 'data' })
  assert.deepEqual(readTopic('spBv1.0/G/DDATA/E/D'), { ...edge, type: 'DDATA', kind: 'data', device: 'D' })
  assert.deepEqual(readTopic('$sparkplug/certificates/spBv1.0/G/NBIRTH/E'), {
    ...edge,
    type: 'NBIRTH',
    kind: 'birth',
    isCertificate: true,
  })
  assert.deepEqual(readTopic('site/1/spBv1.0/G/NDEATH/E'), {
    type: 'NDEATH',
    kind: 'death',
    edgeNode: 'site/1/G/E',
    device: undefined,
    isCertificate: false,
    commandTopic: 'site/1/spBv1.0/G/NCMD/E',
  })
  assert.equal(readTopic('spBv1.0/STATE/host'), 'state')
  for (const other of [
    'a/b',
    'spBv1.0',
    'spBv1.0/G/NDATA',
    'spBv1.0/G/NDATA/E/D',
    'spBv1.0/G/DDATA/E',
    'spBv1.0/G/X/E',
  ])
    assert.equal(readTopic(other), undefined)
  for (const other of ['spBv1.0/G/DDATA/E/D/F', 'spBv1.0//NDATA/E', 'spBv1.0/G/ndata/E', 'spBv1.0/G/DDATA/E/'])
    assert.equal(readTopic(other), undefined)
})

test('a payload under any other topic is decoded as it is', () => {
  const { rowOf } = sparkplugNode()
  assert.deepEqual(rowOf(nodeBirth, 'mirror/eon1'), JSON.parse(nodeBirthRow))
  assert.deepEqual(rowOf(encode({ metrics: [{ alias: 3, booleanValue: true }] }), 'mirror/eon1').metrics, [
    { alias: 3, value: true },
  ])
})

test('a rebirth command is an NCMD with Node Control/Rebirth', () => {
  assert.deepEqual(decoded(rebirthCommand(1671554024644)), {
    timestamp: 1671554024644,
    metrics: [{ name: 'Node Control/Rebirth', timestamp: 1671554024644, datatype: 11, value: true }],
  })
})
