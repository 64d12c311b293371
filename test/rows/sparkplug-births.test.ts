import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Record, Row } from '../../src/core/record.ts'
import { type BirthStore, birthsFromValue, birthsToValue, type EdgeBirths } from '../../src/rows/sparkplug/birth.ts'
import { Births, type Heard } from '../../src/rows/sparkplug/births.ts'
import type { Trouble } from '../../src/rows/sparkplug/decoder.ts'
import { readTopic, type SparkplugTopic } from '../../src/rows/sparkplug/topic.ts'
import { encode, type Message, sparkplugNode } from './sparkplug-payloads.ts'

/** What a store keeps, by edge node, in the form in which it would be on a disk. */
function memoryStore(known = new Map<string, Row>()) {
  let saves = 0
  const store: BirthStore = {
    load: () => [...known.values()].map(birthsFromValue),
    save: (births: EdgeBirths) => {
      saves++
      known.set(births.edgeNode, birthsToValue(births))
    },
    forget: (edgeNode) => void known.delete(edgeNode),
  }
  return { store, known, saves: () => saves }
}

/** An edge node G/E that counts its messages as Sparkplug asks for, and a decoder that hears them. */
function plant(options = {}, { store, known, saves } = memoryStore()) {
  const troubles: Trouble[] = []
  let now = 0
  const ports = { store, onTrouble: (trouble: Trouble) => void troubles.push(trouble), now: () => now }
  const { decoder, rowOf } = sparkplugNode(options, ports)
  const hear = (type: string, payload: Message, more: Partial<Record> & { readonly device?: string } = {}) => {
    const { device, ...record } = more
    const topic = record.topic ?? `spBv1.0/G/${type}/E${device === undefined ? '' : `/${device}`}`
    return rowOf(encode({ metrics: [], ...payload }), topic, record)
  }
  const names = (...heard: Parameters<typeof hear>) =>
    hear(...heard).metrics.map((metric: Row) => ('name' in metric ? metric.name : 'as it came'))
  const wait = (ms: number) => {
    now += ms
  }
  return { decoder, rowOf, hear, names, troubles, wait, known, saves }
}

const birth = (timestamp: number, names: readonly string[], more: Message = {}): Message => ({
  timestamp,
  seq: 0,
  ...more,
  metrics: [
    ...(more.bdSeq === undefined ? [] : [{ name: 'bdSeq', datatype: 4, longValue: more.bdSeq }]),
    ...names.map((name, i) => ({ name, alias: i + 1, datatype: 3, intValue: 4294967286 })),
  ],
})
const data = (timestamp: number, aliases: readonly number[], more: Message = {}): Message => ({
  timestamp,
  metrics: aliases.map((alias) => ({ alias, intValue: 4294967286 })),
  ...more,
})

test('names and types come from the last BIRTH of the same edge node or device', () => {
  const { hear, names, decoder } = plant()
  hear('NBIRTH', birth(100, ['a', 'b']))
  hear('DBIRTH', birth(101, ['c'], { seq: 1 }), { device: 'D' })
  assert.deepEqual(
    hear('NDATA', { timestamp: 102, metrics: [{ alias: 2, timestamp: 102, intValue: 4294967286 }] }).metrics,
    [{ name: 'b', timestamp: 102, alias: 2, datatype: 3, value: -10 }],
  )
  assert.deepEqual(names('DDATA', data(103, [1, 2]), { device: 'D' }), ['c', null])
  assert.deepEqual(names('DDATA', data(103, [1]), { device: 'other' }), [null])
  assert.deepEqual(names('NDATA', data(103, [1]), { topic: 'spBv1.0/other/NDATA/E' }), [null])
  assert.deepEqual(hear('NDATA', { timestamp: 104, metrics: [{ name: 'a', intValue: 4294967286 }] }).metrics, [
    { name: 'a', datatype: 3, value: -10 },
  ])
  assert.deepEqual(names('NCMD', data(105, [1])), ['a'])
  assert.equal(decoder.unnamed, 3)
})

test('without "Resolve aliases" nothing is added and nothing kept', () => {
  const { hear, names, known, decoder } = plant({ resolveAliases: false })
  hear('NBIRTH', birth(100, ['a']))
  assert.deepEqual(names('NDATA', data(101, [1])), ['as it came'])
  assert.deepEqual([known.size, decoder.unnamed], [0, 0])
})

test('an alias that no BIRTH names has the name null and keeps its value', () => {
  const { hear } = plant()
  assert.deepEqual(hear('NDATA', data(1, [7])).metrics, [{ name: null, alias: 7, value: 4294967286 }])
  assert.deepEqual(hear('NDATA', { metrics: [{ stringValue: 'x' }] }).metrics, [{ name: null, value: 'x' }])
})

test('a new BIRTH replaces the old one, and that of an edge node ends those of its devices', () => {
  const { hear, names } = plant()
  hear('NBIRTH', birth(100, ['a', 'b']))
  hear('DBIRTH', birth(101, ['c', 'd']), { device: 'D' })
  hear('DBIRTH', birth(102, ['e']), { device: 'D' })
  assert.deepEqual(names('DDATA', data(103, [1, 2]), { device: 'D' }), ['e', null])
  hear('NBIRTH', birth(104, ['f']))
  assert.deepEqual(names('NDATA', data(105, [1, 2])), ['f', null])
  assert.deepEqual(names('DDATA', data(105, [1]), { device: 'D' }), [null])
})

test('a death ends what its BIRTH said; the will of an earlier session does not', () => {
  const { hear, names } = plant()
  hear('NBIRTH', birth(100, ['a'], { bdSeq: 7 }))
  hear('DBIRTH', birth(101, ['c']), { device: 'D' })
  hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: 6 }] })
  assert.deepEqual(names('NDATA', data(102, [1])), ['a'])
  hear('DDEATH', { timestamp: 103 }, { device: 'D' })
  assert.deepEqual(names('DDATA', data(104, [1]), { device: 'D' }), [null])
  hear('DBIRTH', birth(105, ['d']), { device: 'D' })
  assert.deepEqual(names('DDATA', data(106, [1]), { device: 'D' }), ['d'])
  hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: 7 }] })
  assert.deepEqual(names('NDATA', data(107, [1])), [null])
  assert.deepEqual(names('DDATA', data(107, [1]), { device: 'D' }), [null])
})

test('a death ends what was heard of a session whose own BIRTH was lost', () => {
  const { hear, names } = plant()
  hear('NBIRTH', birth(100, ['a'], { bdSeq: 1 }))
  hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: 1 }] })
  hear('DBIRTH', birth(201, ['c']), { device: 'D' })
  assert.deepEqual(names('DDATA', data(202, [1]), { device: 'D' }), ['c'])
  hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: 2 }] })
  assert.deepEqual(names('DDATA', data(302, [1]), { device: 'D' }), [null])
})

test('a BIRTH that comes again changes nothing, not even for devices that were born after it', () => {
  const { hear, names, saves } = plant()
  for (const dup of [false, true, false]) {
    hear('NBIRTH', birth(100, ['a']), { dup })
    hear('DBIRTH', birth(101, ['c']), { device: 'D', dup })
    assert.deepEqual(names('DDATA', data(102, [1]), { device: 'D' }), ['c'])
  }
  hear('NBIRTH', birth(100, ['a']), { dup: true })
  assert.deepEqual(names('DDATA', data(102, [1]), { device: 'D' }), ['c'])
  assert.equal(saves(), 2)
})

test('what the broker sends again gets the names of its own session, or none', () => {
  const { hear, names } = plant()
  hear('NBIRTH', birth(100, ['old'], { bdSeq: 1 }))
  hear('DBIRTH', birth(110, ['old device']), { device: 'D' })
  hear('NDATA', data(150, [1]))
  hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: 1 }] })
  assert.deepEqual(names('NDATA', data(160, [1]), { dup: true }), [null], 'from a session whose BIRTH is lost')
  assert.deepEqual(names('NDATA', data(150, [1]), { dup: true }), ['old'], 'from before the death')
  hear('NBIRTH', birth(200, ['new'], { bdSeq: 2 }))
  hear('DBIRTH', birth(210, ['new device']), { device: 'D' })
  hear('NBIRTH', birth(100, ['old'], { bdSeq: 1 }), { dup: true })
  hear('DBIRTH', birth(110, ['old device']), { device: 'D', dup: true })
  assert.deepEqual(names('NDATA', data(150, [1]), { dup: true }), ['old'])
  assert.deepEqual(names('DDATA', data(150, [1]), { device: 'D', dup: true }), ['old device'])
  hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: 1 }] }, { dup: true })
  assert.deepEqual(names('NDATA', data(250, [1]), { dup: true }), ['new'])
  assert.deepEqual(names('DDATA', data(205, [1]), { device: 'D', dup: true }), [null], 'before its BIRTH')
  assert.deepEqual(names('DDATA', data(250, [1]), { device: 'D' }), ['new device'])
  assert.deepEqual(names('NDATA', data(50, [1]), { dup: true }), [null], 'from a session that is forgotten')
  assert.deepEqual(names('NDATA', { metrics: [{ alias: 1, intValue: 1 }] }, { dup: true }), [null], 'of no time')
})

test('certificates that the broker keeps count in any order, and never against a younger BIRTH', () => {
  const certificate = (topic: string) => ({ topic: `$sparkplug/certificates/spBv1.0/G/${topic}`, retain: true })
  const { hear, names } = plant()
  hear('DBIRTH', birth(110, ['c']), certificate('DBIRTH/E/D'))
  hear('NBIRTH', birth(100, ['a']), certificate('NBIRTH/E'))
  assert.deepEqual(names('DDATA', data(120, [1]), { device: 'D' }), ['c'])
  assert.deepEqual(names('NDATA', data(120, [1])), ['a'])
  hear('NBIRTH', birth(200, ['b']))
  hear('NBIRTH', birth(100, ['a']), certificate('NBIRTH/E'))
  hear('DBIRTH', birth(110, ['c']), certificate('DBIRTH/E/D'))
  assert.deepEqual(names('NDATA', data(210, [1])), ['b'])
  assert.deepEqual(names('DDATA', data(210, [1]), { device: 'D' }), [null])
})

test('an alias is not taken for a metric of another type, or where two have it', () => {
  const { hear, names } = plant()
  hear('NBIRTH', {
    timestamp: 100,
    seq: 0,
    metrics: [
      { name: 'number', alias: 1, datatype: 10, doubleValue: 1 },
      { name: 'text', alias: 2, datatype: 12, stringValue: '' },
      { name: 'one', alias: 3, datatype: 3, intValue: 1 },
      { name: 'two', alias: 3, datatype: 3, intValue: 1 },
      { name: 'file', alias: '9007199254740993', datatype: 18, bytesValue: Buffer.from('x') },
    ],
  })
  const named = (metric: Message) => names('NDATA', { timestamp: 101, metrics: [metric] })[0]
  assert.equal(named({ alias: 1, datatype: 10, doubleValue: 2 }), 'number')
  assert.equal(named({ alias: 1, intValue: 2 }), 'number', 'whole numbers may come in a shorter field')
  assert.equal(named({ alias: 1, isNull: true }), 'number')
  assert.equal(named({ alias: 1, datatype: 9, floatValue: 2 }), null)
  assert.equal(named({ alias: 1, stringValue: 'x' }), null)
  assert.equal(named({ alias: 2, intValue: 2 }), null)
  assert.equal(named({ alias: 3, intValue: 2 }), null)
  assert.equal(named({ alias: '9007199254740993', bytesValue: Buffer.from('y') }), 'file')
  assert.equal(named({ alias: '9007199254740992', bytesValue: Buffer.from('y') }), null)
})

test('births survive a restart, exactly', () => {
  const first = plant()
  first.hear('NBIRTH', birth(100, ['a', '__proto__'], { bdSeq: '9007199254740993' }))
  first.hear('DBIRTH', birth(101, ['c']), { device: '__proto__' })
  first.hear('NBIRTH', birth(200, ['b'], { bdSeq: '9007199254740994' }))
  first.hear('DBIRTH', birth(201, ['d']), { device: 'D' })
  const again = plant({}, memoryStore(first.known))
  assert.deepEqual(again.names('NDATA', data(210, [1])), ['b'])
  assert.deepEqual(again.names('DDATA', data(210, [1]), { device: 'D' }), ['d'])
  assert.deepEqual(again.names('NDATA', data(150, [1, 2]), { dup: true }), ['a', '__proto__'])
  assert.deepEqual(again.names('DDATA', data(150, [1]), { device: '__proto__', dup: true }), ['c'])
  again.hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: '9007199254740993' }] })
  assert.deepEqual(again.names('NDATA', data(220, [1])), ['b'])
  again.hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: '9007199254740994' }] })
  assert.deepEqual(plant({}, memoryStore(first.known)).names('NDATA', data(220, [1])), [null], 'a death survives too')
})

test('what a store holds must be what was saved', () => {
  const { hear, known } = plant()
  hear('NBIRTH', birth(100, ['a']))
  const saved = known.get('G/E')!
  assert.deepEqual(birthsToValue(birthsFromValue(saved)), saved)
  for (const key of Object.keys(saved)) assert.throws(() => birthsFromValue({ ...saved, [key]: 5 }), TypeError, key)
  for (const wrong of [null, [], {}, 'x']) assert.throws(() => birthsFromValue(wrong), TypeError)
})

test('a message that cannot be read changes nothing', () => {
  const { hear, names, rowOf } = plant()
  hear('NBIRTH', birth(100, ['a']))
  const cut = encode(birth(200, ['b'])).subarray(0, -1)
  assert.throws(() => rowOf(cut, 'spBv1.0/G/NBIRTH/E'), { code: 'SPARKPLUG_INVALID' })
  assert.deepEqual(names('NDATA', data(300, [1])), ['a'])
})

test('what is over the limits is forgotten, the longest unused first', () => {
  const { store, known } = memoryStore()
  const births = new Births(store, { edgeNodes: 10, bytes: 100_000 })
  const of = (edge: string, type = 'NBIRTH'): Heard => ({
    topic: readTopic(`spBv1.0/G/${type}/${edge}`) as SparkplugTopic,
    timestamp: 5,
    mayBeOld: false,
  })
  const isKnown = (edge: string) => births.definitions(of(edge, 'NDATA')).byName.has('m')
  for (let i = 0; i < 10; i++) births.hear(of(`e${i}`), [{ name: 'm' }])
  assert.ok(isKnown('e0'))
  births.hear(of('new'), [{ name: 'm' }])
  assert.deepEqual([isKnown('e0'), isKnown('new'), isKnown('e1'), known.size], [true, true, false, 9])
  const large = Array.from({ length: 500 }, (_, i) => ({ name: `${'x'.repeat(100)}${i}` }))
  births.hear(of('large'), large)
  assert.equal(births.definitions(of('large', 'NDATA')).byName.size, 0, 'one that is too large on its own is not kept')
  assert.ok(isKnown('e0'), 'and pushes out nobody')
  births.hear(of('new'), [{ name: 'm' }])
  assert.ok(isKnown('new'))
})

test('gaps are counted, repeats and late ones are none', () => {
  const { hear, decoder } = plant()
  const seq = (type: string, n: number, more = {}) => hear(type, { timestamp: 1, seq: n }, more)
  const gaps: number[] = []
  const step = (type: string, n: number, more = {}) => {
    seq(type, n, more)
    gaps.push(decoder.gaps)
  }
  step('NDATA', 254)
  step('DDATA', 255, { device: 'D' })
  step('NDATA', 0)
  step('NDATA', 0)
  step('NDATA', 3)
  step('NDATA', 2)
  step('NDATA', 1)
  step('NDATA', 4)
  step('NDATA', 2, { dup: true })
  step('NDATA', 5, { dup: true })
  step('NDATA', 9, { retain: true })
  step('NDATA', 6)
  step('NCMD', 77)
  step('NDATA', 8)
  step('NBIRTH', 0)
  step('DBIRTH', 1, { device: 'D' })
  hear('NDEATH', { timestamp: 1 })
  step('DBIRTH', 1, { device: 'D' })
  assert.deepEqual(gaps, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3])
  hear('NDATA', { timestamp: 1, seq: 1 }, { topic: 'spBv1.0/G/NDATA/other' })
  hear('NDATA', { timestamp: 1 })
  assert.equal(decoder.gaps, 3)
})

test('the death of another session leaves the sequence alone', () => {
  const { hear, decoder } = plant()
  hear('NBIRTH', birth(1, [], { bdSeq: 4 }))
  hear('NDEATH', { metrics: [{ name: 'bdSeq', longValue: 3 }] })
  hear('NDATA', { timestamp: 2, seq: 1 })
  assert.equal(decoder.gaps, 0)
})

test('trouble is told once a minute for each edge node and once a second in all', () => {
  const { hear, troubles, wait } = plant()
  const unknown = (edge: string) => hear('NDATA', data(1, [1]), { topic: `spBv1.0/G/NDATA/${edge}` })
  unknown('E')
  unknown('E')
  unknown('F')
  assert.deepEqual(troubles, [
    {
      edgeNode: 'G/E',
      commandTopic: 'spBv1.0/G/NCMD/E',
      text: 'Sparkplug: 1 metrics of G/E have no name: no BIRTH that was seen gives their alias one',
    },
  ])
  wait(1000)
  unknown('E')
  unknown('F')
  assert.deepEqual(
    troubles.map(({ edgeNode }) => edgeNode),
    ['G/E', 'G/F'],
  )
  wait(59_000)
  hear('NDATA', { timestamp: 1, seq: 5 })
  hear('NDATA', { timestamp: 1, seq: 8 })
  assert.equal(troubles[2]!.text, 'Sparkplug: 2 messages of G/E are missing')
  wait(120_000)
  hear('NDATA', data(1, [1]), { dup: true })
  hear('NCMD', data(1, [1]))
  assert.equal(troubles.length, 3, 'no BIRTH would help what comes again, or a command')
})
