import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { PipelineError } from '../../src/core/errors.ts'
import { type Row, toJson, type Value } from '../../src/core/record.ts'
import { type BirthStore, birthsFromValue, birthsToValue } from '../../src/rows/sparkplug/birth.ts'
import { Envelope } from '../../src/rows/sparkplug/payload.ts'
import { encode, type Message, nodeBirth, sparkplugNode } from './sparkplug-payloads.ts'

const seed = Number(process.env.ROWLINE_FUZZ_SEED ?? 11)

const unsigned = (bits: bigint) =>
  fc
    .oneof(
      fc.bigInt({ min: 0n, max: 2n ** bits - 1n }),
      fc.constantFrom(
        0n,
        1n,
        127n,
        128n,
        246n,
        65526n,
        2n ** 31n,
        2n ** 32n - 10n,
        2n ** (bits - 1n),
        2n ** bits - 10n,
      ),
    )
    .filter((value) => value < 2n ** bits)
const uint32 = unsigned(32n).map(Number)
const uint64 = unsigned(64n).map(String)
const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const name = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'bdSeq', 'Line 1/Press'))
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value))
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const scalars = {
  intValue: uint32,
  longValue: uint64,
  floatValue: fc.float(),
  doubleValue: fc.double(),
  booleanValue: fc.boolean(),
  stringValue: text,
}
const one = (fields: { readonly [field: string]: fc.Arbitrary<unknown> }) =>
  fc.oneof(
    fc.constant({}),
    ...Object.entries(fields).map(([field, value]) => value.map((each) => ({ [field]: each }))),
  ) as fc.Arbitrary<Message>
const merged = (...parts: readonly fc.Arbitrary<Message>[]) =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as Message)
const record = (fields: { readonly [field: string]: fc.Arbitrary<unknown> }) =>
  fc.record(fields).map((each) => JSON.parse(JSON.stringify(each))) as fc.Arbitrary<Message>

const datatype = optional(fc.nat(36))
const dataset = fc.nat(3).chain((columns) =>
  fc.record({
    numOfColumns: fc.constant(columns),
    columns: fc.array(text, { minLength: columns, maxLength: columns }),
    types: fc.array(fc.nat(15), { minLength: columns, maxLength: columns }),
    rows: fc.array(fc.record({ elements: fc.array(one(scalars), { minLength: columns, maxLength: columns }) }), {
      maxLength: 3,
    }),
  }),
)

const { metric } = fc.letrec<{ metric: Message; properties: Message }>((tie) => ({
  properties: fc.uniqueArray(name, { maxLength: 3 }).chain((keys) =>
    fc.record({
      keys: fc.constant(keys),
      values: fc.array(
        merged(
          record({ type: datatype, isNull: optional(fc.boolean()) }),
          one({
            ...scalars,
            propertysetValue: tie('properties'),
            propertysetsValue: fc.record({ propertyset: fc.array(tie('properties'), { maxLength: 2 }) }),
          }),
        ),
        { minLength: keys.length, maxLength: keys.length },
      ),
    }),
  ) as fc.Arbitrary<Message>,
  metric: merged(
    record({
      name: optional(name),
      alias: optional(uint64),
      timestamp: optional(uint64),
      datatype,
      isHistorical: optional(fc.boolean()),
      isNull: optional(fc.boolean()),
      metadata: optional(fc.constant({ isMultiPart: true, size: '9007199254740993', description: 'd' })),
    }),
    fc.option(tie('properties'), { nil: undefined, freq: 4 }).map((properties) => (properties ? { properties } : {})),
    one({
      ...scalars,
      bytesValue: bytes,
      datasetValue: dataset,
      templateValue: merged(
        record({ version: optional(text), templateRef: optional(text), isDefinition: optional(fc.boolean()) }),
        fc.record({
          metrics: fc.array(tie('metric'), { maxLength: 2 }),
          parameters: fc.array(merged(record({ name: optional(text), type: datatype }), one(scalars)), {
            maxLength: 2,
          }),
        }) as fc.Arbitrary<Message>,
      ),
    }),
  ),
}))
const payload: fc.Arbitrary<Message> = merged(
  record({ timestamp: optional(uint64), seq: optional(fc.nat(300)), uuid: optional(text) }),
  fc.record({ metrics: fc.array(metric, { maxLength: 4 }), body: bytes }) as fc.Arbitrary<Message>,
)

/** What a row is to be, by the message that was encoded; numbers as text. */
const model = {
  whole: (raw: unknown, type: unknown, bits: bigint) => {
    const value = BigInt(raw as string | number)
    const width = { 1: 8n, 2: 16n, 3: 32n }[type as number]
    if (type === 4 && bits === 64n) return String(BigInt.asIntN(64, value))
    if (width === undefined || value < 2n ** (width - 1n)) return String(value)
    for (const from of [width, 32n, 64n]) {
      const negative = value - 2n ** from
      if (value < 2n ** from && negative >= -(2n ** (width - 1n)) && negative < 0n) return String(negative)
    }
    return String(value)
  },
  number: (value: unknown, isFloat: boolean) => {
    const number = isFloat ? Math.fround(value as number) : (value as number)
    if (!Number.isFinite(number)) return String(number)
    return Number.isInteger(number) ? String(number) : number
  },
  scalar: (message: Message, type: unknown): unknown => {
    if (message.intValue !== undefined) return model.whole(message.intValue, type, 32n)
    if (message.longValue !== undefined) return model.whole(message.longValue, type, 64n)
    if (message.floatValue !== undefined) return model.number(message.floatValue, true)
    if (message.doubleValue !== undefined) return model.number(message.doubleValue, false)
    return message.booleanValue ?? message.stringValue ?? null
  },
  properties: ({ keys, values }: Message): unknown =>
    (keys as string[]).map((key, i) => {
      const property = (values as Message[])[i]!
      const sets = (property.propertysetsValue as Message | undefined)?.propertyset as Message[] | undefined
      const set = property.propertysetValue as Message | undefined
      const value = sets?.map(model.properties) ?? (set ? model.properties(set) : model.scalar(property, property.type))
      return [key, property.type, property.isNull, property.isNull ? null : value]
    }),
}

/** A row's properties in the model's form. */
const propertiesOf = (properties: Row): unknown =>
  Object.entries(properties).map(([key, property]) => {
    const { type, is_null, value } = property as Row
    const shown = Array.isArray(value)
      ? value.map((set) => propertiesOf(set as Row))
      : value !== null && typeof value === 'object'
        ? propertiesOf(value as Row)
        : scalarOf(value!)
    return [key, type, is_null, shown]
  })

/** In which float and double can be compared without asking which it was. */
const as32Bits = (_key: string, value: unknown) =>
  typeof value === 'number' || (typeof value === 'string' && /^-?[\d.]+(e\+\d+)?$/.test(value))
    ? Math.fround(Number(value))
    : value

/** Whole numbers as text. */
const scalarOf = (value: Value): unknown =>
  typeof value === 'bigint' || Number.isInteger(value) ? String(value) : value

function isEqualScalar(found: Value, expected: unknown, isFloat: boolean): boolean {
  if (isFloat && !Number.isNaN(Number(expected))) return Math.fround(Number(found)) === Number(expected)
  if (typeof expected === 'number') return Object.is(found, expected)
  return Object.is(scalarOf(found), expected)
}

function checkMetric(row: Row, message: Message): void {
  assert.equal(row.name, message.name)
  assert.equal(row.alias === undefined ? undefined : String(row.alias), message.alias)
  assert.equal(row.timestamp === undefined ? undefined : String(row.timestamp), message.timestamp)
  assert.deepEqual(
    [row.datatype, row.is_historical, row.is_null],
    [message.datatype, message.isHistorical, message.isNull],
  )
  if (message.properties) {
    const expected = JSON.stringify(model.properties(message.properties as Message), as32Bits)
    assert.equal(JSON.stringify(propertiesOf(row.properties as Row), as32Bits), expected)
  }
  if (message.isNull) assert.equal(row.value, null)
  else if (message.templateValue) {
    const template = message.templateValue as Message
    const value = row.value as Row
    for (const [i, inner] of (template.metrics as Message[]).entries())
      checkMetric((value.metrics as readonly Row[])[i]!, inner)
    for (const [i, each] of (template.parameters as Message[]).entries()) {
      const parameter = (value.parameters as readonly Row[])[i]!
      assert.ok(isEqualScalar(parameter.value!, model.scalar(each, each.type), each.floatValue !== undefined))
    }
  } else if (message.datasetValue) {
    const { types, rows } = message.datasetValue as Message
    for (const [i, { elements }] of (rows as Message[]).entries())
      for (const [j, element] of (elements as Message[]).entries()) {
        const found = ((row.value as Row).rows as readonly (readonly Value[])[])[i]![j]!
        const expected = model.scalar(element, (types as number[])[j])
        assert.ok(isEqualScalar(found, expected, element.floatValue !== undefined), `${found} ${expected}`)
      }
  } else if (message.bytesValue) {
    if (row.value instanceof Uint8Array) assert.deepEqual(row.value, message.bytesValue)
    else assert.ok((message.datatype as number) >= 22 && Array.isArray(row.value))
  } else {
    const expected = model.scalar(message, message.datatype)
    assert.ok(isEqualScalar(row.value!, expected, message.floatValue !== undefined), `${row.value} ${expected}`)
  }
}

const decoded = (input: Uint8Array): Row => {
  const envelope = new Envelope(input)
  return envelope.row(envelope.metrics().metrics)
}

test('any payload that the reference implementation writes is read as it was meant', () => {
  const property = fc.property(payload, (message) => {
    const row = decoded(encode(message))
    assert.equal(row.timestamp === undefined ? undefined : String(row.timestamp), message.timestamp)
    assert.deepEqual([row.seq, row.uuid], [message.seq, message.uuid])
    assert.deepEqual(row.body, message.body)
    const metrics = message.metrics as Message[]
    assert.equal((row.metrics as readonly Row[]).length, metrics.length)
    for (const [i, each] of metrics.entries()) checkMetric((row.metrics as readonly Row[])[i]!, each)
    JSON.parse(toJson(row))
  })
  fc.assert(property, { seed, numRuns: 2000 })
})

test('any bytes give a row or SPARKPLUG_INVALID, and no object gets another prototype', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })
  const damaged = fc.tuple(payload.map(encode), damage, fc.nat(40)).map(([valid, changes, cut]) => {
    const damagedBytes = Buffer.from(valid.length === 0 ? nodeBirth : valid)
    for (const [at, byte] of changes) damagedBytes[at % damagedBytes.length] = byte
    return damagedBytes.subarray(0, damagedBytes.length - (cut > 20 ? 0 : cut))
  })
  const { decoder } = sparkplugNode()
  const seen = { rows: 0, rejected: 0 }
  const property = fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (input) => {
    try {
      const row = decoder.decode(input, { topic: 'spBv1.0/G/NBIRTH/E', dup: false, retain: false })
      JSON.parse(toJson(row))
      assert.equal(Object.getPrototypeOf(row), Object.prototype)
      seen.rows++
    } catch (error) {
      assert.ok(error instanceof PipelineError && error.code === 'SPARKPLUG_INVALID', String(error))
      assert.ok(error.message.length < 200)
      seen.rejected++
    }
    assert.equal('type' in {}, false)
  })
  fc.assert(property, { seed, numRuns: 5000 })
  assert.ok(seen.rows > 500 && seen.rejected > 500, JSON.stringify(seen))
})

test('documents of 10 MB are answered, in a bounded time', () => {
  const size = 10_000_000
  const fill = (part: readonly number[]) => Buffer.concat(Array(Math.floor(size / part.length)).fill(Buffer.from(part)))
  const within = (field: readonly number[], content: Uint8Array) => {
    const length: number[] = []
    for (let rest = content.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest)
      if (rest <= 127) break
    }
    return Buffer.concat([Buffer.from([...field, ...length]), content])
  }
  const bombs: readonly Uint8Array[] = [
    fill([0x12, 0]),
    fill([0x08, 1]),
    fill([0x12, 5, 0x0a, 3, 0x61, 0x62, 0x63]),
    within([0x12], fill([0x50, 1])),
    within([0x12], within([0x8a, 1], fill([0x22, 0]))),
    within([0x12], within([0x8a, 1], within([0x1a], fill([1])))),
    within([0x12], within([0x92, 1], fill([0x12, 0]))),
    within([0x12], within([0x4a], fill([0x0a, 0]))),
    within([0x12], within([0x0a], fill([0x61]))),
    within([0x12], Buffer.concat([Buffer.from([0x20, 22]), within([0x82, 1], fill([1]))])),
    fill([0xca, 0x3e, 0]),
    Buffer.alloc(size, 0x12),
    Buffer.alloc(size, 0xff),
  ]
  for (const bomb of bombs) {
    const before = process.cpuUsage()
    try {
      decoded(bomb)
    } catch (error) {
      assert.ok(error instanceof PipelineError, String(error))
    }
    const { user, system } = process.cpuUsage(before)
    assert.ok((user + system) / 1000 < 10_000, `${bomb.subarray(0, 12)} took ${(user + system) / 1000} ms`)
  }
})

/** What a plant does and what happens on the way, one step each. */
type Step = 'session' | 'node data' | 'device data' | 'device birth' | 'device death' | 'lose next' | 'crash'
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.constantFrom<Step>(
    ...(['session', 'node data', 'node data', 'device data', 'device data', 'device birth'] as const),
    ...(['device death', 'lose next', 'crash'] as const),
  ),
  { minLength: 10, maxLength: 40 },
)

test('over lost messages, deaths, crashes and repeats a name is the right one or null', () => {
  const seen = { right: 0, unnamed: 0 }
  const property = fc.property(steps, fc.array(fc.nat(12), { minLength: 40, maxLength: 40 }), (plan, choices) => {
    const run = new Plant()
    for (const [i, step] of plan.entries()) run.step(step, choices[i]!)
    seen.right += run.right
    seen.unnamed += run.unnamed
    if (!plan.includes('lose next') && !plan.includes('crash')) assert.equal(run.unnamed, 0)
  })
  fc.assert(property, { seed, numRuns: 3000 })
  assert.ok(seen.right > 5000 && seen.unnamed > 500, JSON.stringify(seen))
})

interface Sent {
  readonly topic: string
  readonly bytes: Buffer
  /** The name that the metric has at its edge node. */
  readonly truth: string | undefined
}

/**
 * An edge node with one device, whose aliases mean something else in each session; a broker that loses what is not a will,
 * and repeats what it likes after a crash; and a decoder that keeps its births.
 */
class Plant {
  right = 0
  unnamed = 0
  readonly #kept = new Map<string, Row>()
  readonly #history: Sent[] = []
  #decoder = this.#restart()
  #time = 1000
  #session = 0
  #device: string | undefined
  #node: string | undefined
  #losesNext = false

  constructor() {
    this.#begin()
  }

  step(step: Step, choice: number): void {
    if (step === 'lose next') this.#losesNext = true
    else if (step === 'crash') this.#crash(choice)
    else if (step === 'session') this.#begin()
    else if (step === 'node data' && this.#node) this.#data('NDATA/E', this.#node)
    else if (step === 'device data' && this.#device) this.#data('DDATA/E/D', this.#device)
    else if (step === 'device birth' && this.#node) this.#device = this.#birth('DBIRTH/E/D')
    else if (step === 'device death' && this.#device) {
      this.#device = undefined
      this.#send('DDEATH/E/D', { timestamp: ++this.#time })
    }
  }

  #begin(): void {
    const bdSeq = { name: 'bdSeq', datatype: 4, longValue: this.#session }
    if (this.#session > 0)
      this.#deliver({ topic: 'NDEATH/E', bytes: encode({ timestamp: this.#time, metrics: [bdSeq] }), truth: undefined })
    this.#session++
    this.#device = undefined
    this.#node = this.#birth('NBIRTH/E', [{ name: 'bdSeq', datatype: 4, longValue: this.#session }])
  }

  #birth(topic: string, more: readonly Message[] = []): string {
    const name = `${topic} ${this.#session}`
    this.#send(topic, { timestamp: ++this.#time, metrics: [...more, { name, alias: 1, datatype: 3, intValue: 0 }] })
    return name
  }

  #data(topic: string, truth: string): void {
    this.#send(topic, { timestamp: ++this.#time, metrics: [{ alias: 1, intValue: 5 }] }, truth)
  }

  #send(topic: string, message: Message, truth?: string): void {
    const isLost = this.#losesNext
    this.#losesNext = false
    if (!isLost) this.#deliver({ topic, bytes: encode(message), truth })
  }

  #deliver(sent: Sent): void {
    this.#history.push(sent)
    this.#hear(sent, false)
  }

  #crash(repeats: number): void {
    this.#decoder = this.#restart()
    if (repeats > 0) for (const sent of this.#history.slice(-repeats)) this.#hear(sent, true)
  }

  #hear({ topic, bytes: message, truth }: Sent, dup: boolean): void {
    const row = this.#decoder.decode(message, { topic: `spBv1.0/G/${topic}`, dup, retain: false }) as Row
    if (truth === undefined) return
    const { name: found } = (row.metrics as readonly Row[])[0]!
    if (found === null) this.unnamed++
    else assert.equal(found, truth)
    if (found === truth) this.right++
  }

  #restart() {
    const store: BirthStore = {
      load: () => [...this.#kept.values()].map(birthsFromValue),
      save: (births) => void this.#kept.set(births.edgeNode, birthsToValue(births)),
      forget: (edgeNode) => void this.#kept.delete(edgeNode),
    }
    return sparkplugNode({}, { store }).decoder
  }
}
