import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Packet } from 'mqtt-packet'
import { until } from '../services/processes.ts'
import { Collector, connect, options, released } from './harness.ts'
import { publishPacket as publish, type ScriptedConnection, startScriptedBroker } from './scripted-broker.ts'

const pubrel = (messageId: number): Packet => ({ cmd: 'pubrel', messageId })

async function stage() {
  const broker = await startScriptedBroker()
  const collector = new Collector(['s'], { qos: 2 })
  const own = connect(options(broker.port), collector)
  const link = await broker.connection(1)
  broker.sessionPresent = true
  return {
    broker,
    collector,
    own,
    link,
    [Symbol.asyncDispose]: async () => {
      await own.connection.close()
      await broker[Symbol.asyncDispose]()
    },
  }
}

const answered = (link: ScriptedConnection, answers: readonly string[]) =>
  until(() => link.answers().length >= answers.length, {
    what: `${answers}`,
    output: () => String(link.answers()),
  }).then(() => assert.deepEqual(link.answers(), answers))

test('an id that was acknowledged is free: an equal or another message under it is handed over, with DUP or without', async () => {
  await using at = await stage()
  at.collector.settles = true
  const packets = [publish(1, 'same'), publish(1, 'same'), publish(1, 'same', 1, true), publish(1, 'other', 1, true)]
  for (const [i, packet] of packets.entries()) {
    at.link.send(packet)
    await answered(at.link, Array(i + 1).fill('puback 1'))
  }
  at.link.cut()
  const next = await at.broker.connection(2)
  next.send(publish(1, 'same', 1, true))
  await answered(next, ['puback 1'])
  assert.deepEqual(at.collector.texts, ['same', 'same', 'same', 'other', 'same'])
})

test('an id whose message is still in the flow means that message only if topic and payload are equal', async () => {
  await using at = await stage()
  at.link.send(publish(1, 'old'), publish(2, 'kept'), { ...publish(3, 'moved') })
  await at.collector.count(3)
  at.link.cut()
  const next = await at.broker.connection(2)
  next.send(publish(1, 'new', 1, true), publish(2, 'kept', 1, true), { ...publish(3, 'moved', 1, true), topic: 's2' })
  await at.collector.count(4)
  assert.deepEqual(at.collector.texts, ['old', 'kept', 'moved', 'new'])
  for (const taken of at.collector.taken.slice(0, 3)) taken.settle()
  await wait(30)
  assert.deepEqual(next.answers(), [], 'the first message of this connection is not settled')
  at.collector.taken[3]!.settle()
  await answered(next, ['puback 1', 'puback 2'])
})

test('no acknowledgement of an old connection reaches a new one', async () => {
  await using at = await stage()
  at.link.send(publish(1, 'a'), publish(2, 'b'))
  await at.collector.count(2)
  at.link.cut()
  const next = await at.broker.connection(2)
  at.collector.settleAll()
  await wait(30)
  assert.deepEqual(next.answers(), [])
  next.send(publish(2, 'b', 1, true))
  await answered(next, ['puback 2'])
})

test('QoS 2: PUBREC when it is settled, not before; PUBCOMP at once; then the id is free', async () => {
  await using at = await stage()
  at.link.send(publish(1, 'a', 2))
  await at.collector.count(1)
  await wait(30)
  assert.deepEqual(at.link.answers(), [])
  at.collector.settleAll()
  await answered(at.link, ['pubrec 1'])
  at.link.send(pubrel(1))
  await answered(at.link, ['pubrec 1', 'pubcomp 1'])
  at.link.send(publish(1, 'a', 2))
  await at.collector.count(2)
})

test('QoS 2: an id that comes again after PUBREC is not handed over, on this connection and the next, until PUBREL', async () => {
  await using at = await stage()
  at.collector.settles = true
  at.link.send(publish(1, 'a', 2))
  await answered(at.link, ['pubrec 1'])
  at.link.send(publish(1, 'a', 2, true))
  await answered(at.link, ['pubrec 1', 'pubrec 1'])
  at.link.cut()
  const next = await at.broker.connection(2)
  next.send(publish(1, 'a', 2, true), publish(2, 'b', 2))
  await answered(next, ['pubrec 1', 'pubrec 2'])
  assert.deepEqual(at.collector.texts, ['a', 'b'])
  next.send(pubrel(1), pubrel(1), pubrel(9))
  await answered(next, ['pubrec 1', 'pubrec 2', 'pubcomp 1', 'pubcomp 1', 'pubcomp 9'])
  next.send(publish(1, 'a', 2))
  await at.collector.count(3)
  at.broker.sessionPresent = false
  next.cut()
  const last = await at.broker.connection(3)
  last.send(publish(2, 'b', 2, true))
  await answered(last, ['pubrec 2'])
  assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b'], 'a forgotten session takes its ids with it')
})

for (const qos of [1, 2] as const) {
  test(`QoS ${qos}: without DUP it is a new message, however equal, also on the next connection of the session`, async () => {
    await using at = await stage()
    at.link.send(publish(1, 'alive', qos))
    await at.collector.count(1)
    at.link.cut()
    const next = await at.broker.connection(2)
    next.send(publish(1, 'alive', qos))
    await at.collector.count(2)
    at.collector.taken[0]!.settle()
    await wait(30)
    assert.deepEqual(next.answers(), [], 'the new one is not settled')
    at.collector.taken[1]!.settle()
    await answered(next, [qos === 1 ? 'puback 1' : 'pubrec 1'])
  })

  test(`QoS ${qos}: one that comes again and again over one connection is handed over once, and each is answered`, async () => {
    await using at = await stage()
    at.link.send(publish(1, 'a', qos), publish(1, 'a', qos, true), publish(1, 'a', qos, true), publish(2, 'b', qos))
    const [a, b] = await at.collector.count(2)
    b!.settle()
    a!.settle()
    await answered(
      at.link,
      [1, 1, 1, 2].map((id) => `${qos === 1 ? 'puback' : 'pubrec'} ${id}`),
    )
    assert.deepEqual(at.collector.texts, ['a', 'b'])
  })
}

test('QoS 2: an equal message without DUP under an id that was answered is new, and stays so when it comes again', async () => {
  await using at = await stage()
  at.link.send(publish(1, 'alive', 2))
  const [first] = await at.collector.count(1)
  first!.settle()
  await answered(at.link, ['pubrec 1'])
  at.link.cut()
  const second = await at.broker.connection(2)
  second.send(publish(1, 'alive', 2))
  await at.collector.count(2)
  second.cut()
  const third = await at.broker.connection(3)
  third.send(publish(1, 'alive', 2, true))
  await until(() => at.own.connection.status.unacknowledged === 1, { what: 'the repeat' })
  await wait(30)
  assert.deepEqual([at.collector.texts.length, third.answers()], [2, []])
  at.collector.taken[1]!.settle()
  await answered(third, ['pubrec 1'])
})

test('an equal message under the id of one with another QoS is new, and answered as its own QoS wants', async () => {
  await using at = await stage()
  at.link.send(publish(1, 'a', 1))
  await at.collector.count(1)
  at.link.cut()
  const next = await at.broker.connection(2)
  next.send(publish(1, 'a', 2, true))
  await at.collector.count(2)
  at.collector.settleAll()
  await answered(next, ['pubrec 1'])
})

test('QoS 1 and 2 mixed: answers leave in the order of the PUBLISHes', async () => {
  await using at = await stage()
  at.link.send(publish(5, 'a', 2), publish(3, 'b'), publish(4, 'c', 2), publish(9, 'd'))
  await at.collector.count(4)
  for (const i of [3, 1, 2, 0]) at.collector.taken[i]!.settle()
  await answered(at.link, ['pubrec 5', 'puback 3', 'pubrec 4', 'puback 9'])
})

test('all 65 535 ids at once, settled in any order', async () => {
  await using at = await stage()
  const ids = Array.from({ length: 65_535 }, (_, i) => i + 1)
  const sent = ids.map((id) => publish(id, String(id)))
  void (async () => {
    for (let i = 0; i < sent.length; i += 1000) at.link.send(...sent.slice(i, i + 1000))
  })()
  const seen = new Set<number>()
  while (seen.size < ids.length) {
    const fresh = at.collector.taken.slice(seen.size)
    for (const { publish, settle } of fresh.reverse()) {
      seen.add(publish.packetId)
      settle()
    }
    await wait(1)
  }
  await until(() => at.link.answers().length === ids.length, { what: 'all answers', timeoutMs: 20_000 })
  assert.deepEqual(
    at.link.answers(),
    ids.map((id) => `puback ${id}`),
  )
})

test('a message that is released while it is joined by its second coming is handed over once more', async () => {
  await using at = await stage()
  at.link.send(publish(1, 'a'), publish(2, 'b'))
  await at.collector.count(2)
  at.link.cut()
  const second = await at.broker.connection(2)
  second.send(publish(1, 'a', 1, true), publish(2, 'b', 1, true))
  await until(() => at.own.connection.status.unacknowledged === 2, { what: 'both again' })
  at.collector.taken[0]!.settle(released)
  const third = await at.broker.connection(3)
  third.send(publish(1, 'a', 1, true), publish(2, 'b', 1, true))
  await at.collector.count(3)
  at.collector.taken[1]!.settle()
  at.collector.taken[2]!.settle()
  await answered(third, ['puback 1', 'puback 2'])
  assert.deepEqual(at.collector.texts, ['a', 'b', 'a'])
  assert.deepEqual([at.link.answers(), second.answers()], [[], []])
})

test('what breaks the protocol ends the connection with that reason, and the next one works', async () => {
  const wrong: readonly (readonly [string, Buffer, RegExp])[] = [
    ['QoS 3', Buffer.from([0x36, 5, 0, 1, 97, 0, 1]), /QoS 3/],
    ['packet id 0', Buffer.from([0x32, 5, 0, 1, 97, 0, 0]), /packet id 0/],
    ['a length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), /remaining length/],
    ['a packet of a client', Buffer.from([0xc0, 0]), /type 12/],
    ['a PUBREL without its packet id', Buffer.from([0x62, 0]), /type 6 with a remaining length of 0/],
    ['a PUBREL with half a packet id', Buffer.from([0x62, 1, 0x78]), /type 6 with a remaining length of 1/],
    ['a SUBACK with an impossible code', Buffer.from([0x90, 3, 0, 1, 3]), /[Ss]uback/],
    ['flags that PINGRESP may not have', Buffer.from([0xd4, 0]), /./],
  ]
  for (const [what, bytes, reason] of wrong) {
    await using at = await stage()
    at.link.send(publish(1, 'before'), bytes, publish(2, 'behind'))
    await until(() => !at.link.isOpen, { what: `the end after ${what}` })
    const second = await at.broker.connection(2)
    assert.match(at.collector.errors.join('; '), reason, what)
    assert.deepEqual(at.collector.texts.includes('before'), true, what)
    second.send(publish(1, 'before', 1, true), publish(7, 'next'))
    await until(() => at.collector.texts.includes('next'), { what: `a message after ${what}` })
  }
})
