import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { connectRaw, type RawClient } from '../services/raw-client.ts'

/** What must be the same on every broker that the tests use, seen by one client that answers only when told. */
interface Story {
  readonly name: string
  readonly expected: unknown
  tell(port: number): Promise<unknown>
}

const stories: readonly Story[] = [
  {
    name: 'what was not acknowledged comes again in order, with the same ids and DUP, on the next connection only',
    expected: { present: [false, true], first: '123', dupFirst: false, ids: 3, again: '23', dup: true, sameIds: true },
    tell: async (port) => {
      const client = await subscribed(port, 'redelivery', 'r/#', 1)
      await publish(port, 'r/a', 1, 3)
      const first = await client.receive('publish', 3)
      client.send(puback(first[0]!))
      await ping(client)
      client.cut()
      const next = await connectRaw(port, { clientId: 'redelivery', clean: false })
      const again = await next.receive('publish', 2)
      await ping(next)
      return {
        present: [await present(client), await present(next)],
        first: bodies(first),
        dupFirst: first.some((packet) => packet.dup),
        ids: new Set(ids(first)).size,
        again: bodies(again),
        dup: again.every((packet) => packet.dup),
        sameIds: String(ids(again)) === String(ids(first).slice(1)),
      }
    },
  },
  {
    name: 'a clean session forgets queue and subscriptions',
    expected: { present: [false, false], publishes: 0 },
    tell: async (port) => {
      const client = await subscribed(port, 'forget', 'f/#', 1)
      await publish(port, 'f/a', 1, 2)
      await client.receive('publish', 2)
      client.cut()
      const clean = await connectRaw(port, { clientId: 'forget', clean: true })
      await publish(port, 'f/a', 1, 1)
      await ping(clean)
      clean.cut()
      const next = await connectRaw(port, { clientId: 'forget', clean: false })
      await ping(next)
      return { present: [await present(clean), await present(next)], publishes: count(next, 'publish') }
    },
  },
  {
    name: 'a client that acknowledges nothing gets one window of messages, and the rest after acknowledging',
    expected: { window: '123', all: '12345' },
    tell: async (port) => {
      const client = await subscribed(port, 'window', 'w/#', 1)
      await publish(port, 'w/a', 1, 5)
      await ping(client)
      const window = await client.receive('publish', 3)
      client.send(...window.map(puback))
      return { window: bodies(window), all: bodies(await client.receive('publish', 5)) }
    },
  },
  {
    name: 'QoS 2 goes PUBREC, PUBREL, PUBCOMP, and resumes with PUBREL after a cut',
    expected: { sameId: true, again: ['pubrel'], afterCompletion: [] },
    tell: async (port) => {
      const client = await subscribed(port, 'exactly', 'e/#', 2)
      await publish(port, 'e/a', 2, 1)
      const [message] = await client.receive('publish')
      client.send({ cmd: 'pubrec', messageId: message!.messageId! })
      const [release] = await client.receive('pubrel')
      client.cut()
      const next = await connectRaw(port, { clientId: 'exactly', clean: false })
      const [again] = await next.receive('pubrel')
      next.send({ cmd: 'pubcomp', messageId: again!.messageId! })
      await ping(next)
      next.cut()
      const last = await connectRaw(port, { clientId: 'exactly', clean: false })
      await ping(last)
      const sameId = release!.messageId === message!.messageId && again!.messageId === message!.messageId
      return { sameId, again: kinds(next), afterCompletion: kinds(last) }
    },
  },
  {
    name: 'the same client id a second time ends the first connection',
    expected: { first: false, second: true },
    tell: async (port) => {
      const first = await connectRaw(port, { clientId: 'twice' })
      await first.receive('connack')
      const second = await connectRaw(port, { clientId: 'twice' })
      await second.receive('connack')
      await first.closed()
      return { first: first.isOpen, second: second.isOpen }
    },
  },
  {
    name: 'a client silent for one and a half times its keepalive is disconnected, and its will published',
    expected: { will: ['gone'] },
    tell: async (port) => {
      const watcher = await subscribed(port, 'watcher', 'wills', 1)
      const will = { topic: 'wills', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
      const silent = await connectRaw(port, { clientId: 'silent', keepalive: 1, will })
      await silent.receive('connack')
      await silent.closed(8000)
      return { will: (await watcher.receive('publish')).map((packet) => String(packet.payload)) }
    },
  },
  {
    name: 'DISCONNECT keeps the will back',
    expected: { publishes: 0 },
    tell: async (port) => {
      const watcher = await subscribed(port, 'watcher2', 'wills', 1)
      const will = { topic: 'wills', payload: Buffer.from('gone'), qos: 1 as const, retain: false }
      const polite = await connectRaw(port, { clientId: 'polite', will })
      await polite.receive('connack')
      polite.send({ cmd: 'disconnect' })
      await polite.closed()
      await wait(50)
      await ping(watcher)
      return { publishes: count(watcher, 'publish') }
    },
  },
  {
    name: 'filters match as the specification says, and QoS is the lower one of publisher and subscription',
    expected: ['s:0', 's/a:0', 's/a:1', 's/b/c:1', '/x:1'],
    tell: async (port) => {
      const client = await connectRaw(port, { clientId: 'filters' })
      const subscriptions = ['s/#', 's/+/c', '+/x'].map((topic) => ({ topic, qos: 1 as const }))
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions })
      await client.receive('suback')
      await publish(port, 's', 0, 1)
      await publish(port, 's/a', 0, 1)
      await publish(port, 's/a', 2, 1)
      await publish(port, 's/b/c', 1, 1)
      await publish(port, 'other', 1, 1)
      await publish(port, '/x', 1, 1)
      const packets = await client.receive('publish', 5)
      await ping(client)
      assert.equal(count(client, 'publish'), 5)
      return packets.map((packet) => `${packet.topic}:${packet.qos}`)
    },
  },
  {
    name: 'a second CONNECT ends the connection',
    expected: { secondConnect: false },
    tell: async (port) => {
      const client = await connectRaw(port, { clientId: 'rude' })
      await client.receive('connack')
      client.send({ cmd: 'connect', clientId: 'rude', protocolId: 'MQTT', protocolVersion: 4, clean: true })
      await client.closed()
      return { secondConnect: client.isOpen }
    },
  },
]

const mosquitto = await startMosquitto({ maxInflight: 3 })
const fake = await startFakeBroker({ window: 3 })
after(() => Promise.all([mosquitto.stop(), fake.close()]))

for (const { name, expected, tell } of stories) {
  test(`fake broker: ${name}`, async () => assert.deepEqual(await tell(fake.port), expected))
  test(`mosquitto: ${name}`, async () => assert.deepEqual(await tell(mosquitto.port), expected))
}

test('a wrong password gets return code 5 from both brokers', async () => {
  await using guarded = await startMosquitto({ users: { plant: 'right' } })
  fake.refuse(5)
  for (const port of [guarded.port, fake.port]) {
    const client = await connectRaw(port, { clientId: 'guest', username: 'plant', password: Buffer.from('wrong') })
    assert.equal((await client.receive('connack'))[0]?.returnCode, 5)
    await client.closed()
  }
})

async function subscribed(port: number, clientId: string, topic: string, qos: 1 | 2): Promise<RawClient> {
  const client = await connectRaw(port, { clientId, clean: false })
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] })
  await client.receive('suback')
  return client
}

/** Sends `amount` messages with the payloads 1, 2, 3... and waits until the broker has taken them. */
async function publish(port: number, topic: string, qos: 0 | 1 | 2, amount: number): Promise<void> {
  const client = await connectRaw(port, { clientId: 'publisher' })
  await client.receive('connack')
  for (let n = 1; n <= amount; n++) {
    client.send({ cmd: 'publish', topic, payload: String(n), qos, messageId: n, dup: false, retain: false })
  }
  const answer = ({ 0: 'pingresp', 1: 'puback', 2: 'pubrec' } as const)[qos]
  if (qos === 0) client.send({ cmd: 'pingreq' })
  await client.receive(answer, qos === 0 ? 1 : amount)
  if (qos === 2) {
    for (let n = 1; n <= amount; n++) client.send({ cmd: 'pubrel', messageId: n })
    await client.receive('pubcomp', amount)
  }
  client.send({ cmd: 'disconnect' })
  await client.closed()
}

/** When PINGRESP is there, everything that the broker had to say before is there too. */
async function ping(client: RawClient): Promise<void> {
  const before = count(client, 'pingresp')
  client.send({ cmd: 'pingreq' })
  await client.receive('pingresp', 1, before)
}

const count = (client: RawClient, cmd: Packet['cmd']) => client.packets.filter((packet) => packet.cmd === cmd).length
const kinds = (client: RawClient) =>
  client.packets.map((packet) => packet.cmd).filter((cmd) => cmd !== 'connack' && cmd !== 'pingresp')
const present = async (client: RawClient) => (await client.receive('connack'))[0]?.sessionPresent
const puback = ({ messageId }: IPublishPacket): Packet => ({ cmd: 'puback', messageId: messageId! })
const bodies = (packets: readonly IPublishPacket[]) => packets.map((packet) => String(packet.payload)).join('')
const ids = (packets: readonly IPublishPacket[]) => packets.map((packet) => packet.messageId)
