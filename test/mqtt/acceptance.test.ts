import assert from 'node:assert/strict'
import { connect as connectSocket, createServer } from 'node:net'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, connected, failure, options } from './harness.ts'

/** A way to a port that keeps what goes to it, and can be cut. */
async function startTap(port: number) {
  const sent: Buffer[] = []
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer((near) => {
    const far = connectSocket(port, '127.0.0.1')
    sockets.add(near).add(far)
    near.on('data', (chunk) => sent.push(chunk))
    near.pipe(far).pipe(near)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as { readonly port: number }).port,
    sent: () => Buffer.concat(sent).toString('latin1'),
    cut,
    [Symbol.asyncDispose]: async () => {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('D8: TLS is TLS: no user name in clear text on the line, and no connection to a plain listener', async () => {
  await using mosquitto = await startMosquitto({ tls: true, users: { 'plant-user': 'plant-password' } })
  const login = { user: 'plant-user', password: 'plant-password' }
  const tls = { ca: mosquitto.certificates!.ca, cert: '', key: '', passphrase: '', rejectUnauthorized: true }
  await using plain = await startTap(mosquitto.port)
  await using secure = await startTap(mosquitto.tlsPort)
  const through = (port: number, socket: object) =>
    connect(
      options(port, { socket: { host: '127.0.0.1', port, ...socket }, ...login, connectTimeoutMs: 1000 }),
      new Collector(['c']),
    )
  await using clear = through(plain.port, {})
  await connected(clear.connection)
  assert.ok(plain.sent().includes('plant-user'), 'the tap hears what is said')
  await using own = through(secure.port, { tls })
  await connected(own.connection)
  assert.ok(secure.sent().length > 100)
  for (const word of ['plant-user', 'plant-password', 'MQTT']) assert.ok(!secure.sent().includes(word), word)
  await using wrong = await startTap(mosquitto.port)
  await using refused = through(wrong.port, { tls })
  await failure(refused)
  assert.notEqual(refused.connection.status.phase, 'connected')
  assert.ok(!wrong.sent().includes('plant-user'))
})

test('A8: when the client is gone without a word, later subscribers get its will; an empty one leaves nothing retained', async () => {
  await using mosquitto = await startMosquitto()
  const topic = 'disconnected/client'
  const will = (payload: string): ConnectionOptions['will'] & object => ({ topic, payload, qos: 1, retain: true })
  const vanish = async (payload: string, protocolVersion: 4 | 5) => {
    await using tap = await startTap(mosquitto.port)
    const live = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
    const heard: string[] = []
    live.on('message', (_, message, { retain }) => retain || heard.push(String(message)))
    await live.subscribeAsync(topic, { qos: 1 })
    await using own = connect(
      options(tap.port, { will: will(payload), protocolVersion, autoReconnect: false }),
      new Collector(['c']),
    )
    await connected(own.connection)
    tap.cut()
    await until(() => heard.length > 0, { what: 'the will' })
    assert.deepEqual(heard, [payload])
    await live.endAsync()
    const later = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
    const kept: string[] = []
    later.on('message', (on, message, { qos, retain }) => kept.push(`${on} ${qos} ${retain} ${message}`))
    await later.subscribeAsync([topic, 'end'], { qos: 1 })
    await later.publishAsync('end', '', { qos: 1 })
    await until(() => kept.some((each) => each.startsWith('end')), { what: 'what is retained' })
    await later.endAsync()
    return kept.filter((each) => !each.startsWith('end'))
  }
  for (const protocolVersion of [4, 5] as const) {
    assert.deepEqual(await vanish('gone', protocolVersion), [`${topic} 1 true gone`])
    assert.deepEqual(await vanish('', protocolVersion), [])
  }
})
