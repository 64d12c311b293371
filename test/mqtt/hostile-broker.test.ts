import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { randomIntegers } from '../core/random.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, connected, options } from './harness.ts'
import { type ScriptedConnection, startScriptedBroker } from './scripted-broker.ts'

interface Attack {
  readonly name: string
  readonly bytes: Buffer
  /** The packet is not whole: without an end the client would rightly wait for the rest. */
  readonly isCut?: boolean
}

const text = (value: string | Buffer) => {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}
const framed = (header: number, ...body: (Buffer | number[])[]) => {
  const content = Buffer.concat(body.map((part) => Buffer.from(part as number[])))
  assert.ok(content.length < 128)
  return Buffer.concat([Buffer.from([header, content.length]), content])
}

const everyPublishProperty = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 60,
  responseTopic: 'answer',
  correlationData: Buffer.from([1, 2, 3]),
  userProperties: { a: ['b', 'c'] },
  subscriptionIdentifier: 200,
  contentType: 'text/plain',
}

/** One of each kind that a server may send, as it should be. */
function wholePackets(version: 4 | 5): readonly (readonly [name: string, packet: Packet])[] {
  const properties = version === 5 ? { reasonString: 'why', userProperties: { a: 'b' } } : {}
  const ofPublish = version === 5 ? { ...everyPublishProperty } : {}
  return [
    ['CONNACK', { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false, properties }],
    ['PUBLISH', { cmd: 'publish', topic: 's', payload: 'hello', qos: 1, messageId: 5, dup: false, retain: false }],
    [
      'PUBLISH with properties',
      {
        cmd: 'publish',
        topic: 's',
        payload: 'hello',
        qos: 1,
        messageId: 8,
        dup: false,
        retain: false,
        properties: ofPublish,
      },
    ],
    ['PUBLISH 2', { cmd: 'publish', topic: 's', payload: 'hello', qos: 2, messageId: 6, dup: false, retain: false }],
    ['PUBACK', { cmd: 'puback', messageId: 7, properties }],
    ['PUBREC', { cmd: 'pubrec', messageId: 7, properties }],
    ['PUBREL', { cmd: 'pubrel', messageId: 7, properties }],
    ['PUBCOMP', { cmd: 'pubcomp', messageId: 7, properties }],
    ['SUBACK', { cmd: 'suback', messageId: 7, granted: [1], properties }],
    ['UNSUBACK', { cmd: 'unsuback', messageId: 7, granted: [0], properties }],
    ['PINGRESP', { cmd: 'pingresp' }],
    ...(version === 5 ? ([['DISCONNECT', { cmd: 'disconnect', reasonCode: 0x8b, properties }]] as const) : []),
  ]
}

function attacks(version: 4 | 5): readonly Attack[] {
  const found: Attack[] = []
  for (const [name, packet] of wholePackets(version)) {
    const bytes = mqttPacket.generate(packet, { protocolVersion: version })
    for (let end = 1; end < bytes.length; end++)
      found.push({ name: `${name} cut after ${end} bytes`, bytes: bytes.subarray(0, end), isCut: true })
    for (let length = 0; length < bytes.length - 2; length++)
      found.push({
        name: `${name} with the length ${length}`,
        bytes: Buffer.from([bytes[0]!, length, ...bytes.subarray(2, 2 + length)]),
      })
    found.push({ name: `${name} with bytes behind`, bytes: framed(bytes[0]!, bytes.subarray(2), [1, 2, 3]) })
    for (let flags = 0; flags < 16; flags++)
      found.push({
        name: `${name} with flags ${flags}`,
        bytes: Buffer.from([(bytes[0]! & 0xf0) | flags, ...bytes.subarray(1)]),
      })
  }
  const properties = version === 5 ? [0] : []
  for (const type of [0, 1, 8, 10, 12, 15])
    found.push({ name: `a packet of type ${type}`, bytes: framed(type << 4, [0, 1, 0]) })
  for (const header of [0x40, 0x50, 0x62, 0x70])
    found.push({ name: `id 0 in ${header}`, bytes: framed(header, [0, 0]) })
  found.push({ name: 'SUBACK of id 0', bytes: framed(0x90, [0, 0, ...properties, 1]) })
  found.push({ name: 'PUBLISH of id 0', bytes: framed(0x32, text('s'), [0, 0, ...properties]) })
  found.push({ name: 'PUBLISH of QoS 3', bytes: framed(0x36, text('s'), [0, 1, ...properties]) })
  found.push({ name: 'a length that does not end', bytes: Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff]) })
  for (const bad of [
    '',
    'a/+',
    '#',
    'a\0b',
    Buffer.from([0xc3, 0x28]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xff]),
  ])
    found.push({ name: `the topic ${JSON.stringify(bad)}`, bytes: framed(0x30, text(bad), properties) })
  if (version === 4) return found
  for (const [name, ...property] of [
    ['an unknown alias', 0x23, 0, 1],
    ['an alias 0', 0x23, 0, 0],
    ['an alias over the limit', 0x23, 255, 255],
    ['a content type that is no UTF-8', 3, 0, 1, 0xff],
    ['a property that no packet has', 0x7e, 0],
    ['a subscription identifier 0', 0x0b, 0],
  ] as const)
    found.push({ name, bytes: framed(0x30, text(''), [property.length, ...property]) })
  return found
}

for (const version of [4, 5] as const) {
  test(`every malformed packet of a hostile broker ends at most its connection, version ${version}`, async () => {
    await using broker = await startScriptedBroker(version)
    const collector = new Collector(['s'], { settles: true, qos: 2 })
    const reconnect = { baseMs: 1, maxMs: 1 }
    await using own = connect(
      options(broker.port, { protocolVersion: version, topicAliasMaximum: 5, reconnect, connectTimeoutMs: 3000 }),
      collector,
    )
    let connections = 1
    let ended = 0
    const all = attacks(version)
    assert.ok(all.length > 200)
    for (const { name, bytes, isCut } of all) {
      const link = await broker.connection(connections)
      const alive = {
        cmd: 'publish',
        topic: 's',
        payload: name,
        qos: 1,
        messageId: 4242,
        dup: false,
        retain: false,
      } as const
      link.send(bytes)
      if (isCut) link.cut()
      else link.send(alive)
      const isAnswered = () => link.answers().includes('puback 4242')
      await until(() => isAnswered() || !link.isOpen, { what: `an answer or an end after ${name}`, timeoutMs: 5000 })
      if (!isAnswered()) ended++
      else link.cut()
      connections++
    }
    assert.ok(ended > all.length / 2, 'most of it is no MQTT')
    const last = await broker.connection(connections)
    await connected(own.connection)
    const before = collector.taken.length
    last.send({ cmd: 'publish', topic: 's', payload: 'alive', qos: 1, messageId: 1, dup: false, retain: false })
    await collector.count(before + 1)
    assert.equal(collector.texts.at(-1), 'alive')
    const told = new Set(collector.errors.map((error) => error.split(':')[0]))
    assert.ok(told.has('PROTOCOL_VIOLATION'))
  })

  test(`random bytes after CONNACK never end more than the connection, version ${version}`, async () => {
    await using broker = await startScriptedBroker(version)
    const collector = new Collector(['s'], { settles: true })
    const reconnect = { baseMs: 1, maxMs: 1 }
    await using own = connect(options(broker.port, { protocolVersion: version, reconnect }), collector)
    const random = randomIntegers(version)
    const rubbish = (link: ScriptedConnection) => {
      const types = [2, 3, 3, 3, 4, 5, 6, 7, 9, 11, 13, 14]
      const packet = () => {
        const body = Array.from({ length: random(0, 20) }, () => random(0, random(0, 2) === 0 ? 255 : 8))
        return [(types[random(0, types.length - 1)]! << 4) | random(0, 3), body.length, ...body]
      }
      link.send(Buffer.from(Array.from({ length: 5 }, packet).flat()))
      link.cut()
    }
    for (let n = 1; n <= 200; n++) rubbish(await broker.connection(n))
    const last = await broker.connection(201)
    await connected(own.connection)
    last.send({ cmd: 'publish', topic: 's', payload: 'alive', qos: 1, messageId: 9, dup: false, retain: false })
    await until(() => collector.texts.at(-1) === 'alive', { what: 'a message afterwards' })
  })
}
