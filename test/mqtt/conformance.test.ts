import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { ISubscribePacket } from 'mqtt-packet'
import { until } from '../services/processes.ts'
import { Collector, connect, connected, options } from './harness.ts'
import { publishPacket, startScriptedBroker } from './scripted-broker.ts'

test('what a server sends before CONNACK, or CONNACK again, is no message', async () => {
  const seen: Buffer[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', (chunk) => seen.push(chunk))
    socket.write(Buffer.from([0x32, 6, 0, 1, 0x73, 0, 7, 0x78, 0x20, 2, 0, 0]))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  const early = new Collector(['s'])
  await using own = connect(options(port), early)
  await until(() => early.errors.some((error) => error.includes('MQTT-3.2.0-1')), { what: 'the violation' })
  await own.connection.close()
  assert.equal(early.taken.length, 0)
  assert.ok(!Buffer.concat(seen).includes(Buffer.from([0x40, 2, 0, 7])), 'nor is it acknowledged')
  server.close()
  await using broker = await startScriptedBroker()
  const collector = new Collector(['s'])
  await using other = connect(options(broker.port), collector)
  const link = await broker.connection(1)
  await connected(other.connection)
  link.send(Buffer.from([0x20, 2, 0, 0]), publishPacket(1, 'behind it'))
  await until(() => collector.errors.some((error) => error.includes('CONNACK twice')), { what: 'the violation' })
  assert.equal(collector.taken.length, 0)
})

test('No Local is never asked for, nor with a shared subscription', async () => {
  await using broker = await startScriptedBroker(5)
  await using _ = connect(options(broker.port, { protocolVersion: 5 }), new Collector(['$share/g/a', 'b']))
  const link = await broker.connection(1)
  const asked = () =>
    link.received
      .filter((packet): packet is ISubscribePacket => packet.cmd === 'subscribe')
      .flatMap(({ subscriptions }) => subscriptions.map(({ topic, nl }) => [topic, nl]))
  await until(() => asked().length === 2, { what: 'both' })
  assert.deepEqual(asked().sort(), [
    ['$share/g/a', false],
    ['b', false],
  ])
})
