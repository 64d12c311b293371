import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { WebSocketServer } from 'ws'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { startWebSocketFront } from '../services/websocket-front.ts'
import { Collector, connect, connected, failure, options } from './harness.ts'

const webSocket = { path: '/mqtt', headers: {} }

test('C7: tcp, tls, ws and wss, each with MQTT 3.1, 3.1.1 and 5, authenticated and anonymous', async () => {
  const users = { plant: 'right' }
  await using open = await startMosquitto({ tls: true })
  await using closed = await startMosquitto({ tls: true, users })
  for (const mosquitto of [open, closed]) {
    const certificates = mosquitto.certificates!
    const tls = { ca: certificates.ca, cert: '', key: '', passphrase: '', rejectUnauthorized: true }
    await using ws = await startWebSocketFront(mosquitto.port)
    await using wss = await startWebSocketFront(mosquitto.port, { tls: certificates })
    const sockets: readonly ConnectionOptions['socket'][] = [
      { host: '127.0.0.1', port: mosquitto.port },
      { host: '127.0.0.1', port: mosquitto.tlsPort, tls },
      { host: '127.0.0.1', port: ws.port, webSocket },
      { host: 'localhost', port: wss.port, tls, webSocket },
    ]
    const login = mosquitto === open ? {} : { user: 'plant', password: 'right' }
    for (const socket of sockets)
      for (const protocolVersion of [3, 4, 5] as const) {
        const collector = new Collector(['c7'], { settles: true })
        await using own = connect(options(0, { socket, protocolVersion, ...login }), collector)
        await connected(own.connection)
        await until(
          async () => {
            await publishNumbered({
              port: mosquitto.port,
              topics: ['c7'],
              count: 1,
              qos: 1,
              connection: { username: 'plant', password: 'right' },
            })
            return collector.taken.length > 0
          },
          { what: `a message over ${JSON.stringify(Object.keys(socket))} with version ${protocolVersion}` },
        )
      }
    await using wrong = connect(
      options(0, { socket: sockets[3]!, user: 'plant', password: 'wrong', protocolVersion: 5 }),
      new Collector(['c7']),
    )
    if (mosquitto === closed) assert.match((await failure(wrong)).message, /not allowed|password/)
  }
})

test('a WebSocket goes to the path that is set with the headers that are set; another path says what came back', async () => {
  await using mosquitto = await startMosquitto()
  await using front = await startWebSocketFront(mosquitto.port, { path: '/plant/mqtt?site=1' })
  const over = (path: string) =>
    connect(
      options(0, {
        socket: {
          host: '127.0.0.1',
          port: front.port,
          webSocket: { path, headers: { Authorization: 'Bearer 7', 'X-Site': 'north' } },
        },
      }),
      new Collector(['c']),
    )
  await using right = over('/plant/mqtt?site=1')
  await connected(right.connection)
  const [{ headers }] = front.requests as [(typeof front.requests)[number]]
  assert.deepEqual(
    [headers.authorization, headers['x-site'], headers['sec-websocket-protocol']],
    ['Bearer 7', 'north', 'mqtt'],
  )
  await using other = over('/mqtt')
  const { code, message } = await failure(other)
  assert.equal(code, 'BROKER_UNREACHABLE')
  assert.match(message, /404/)
})

test('2000 messages over ws through a window of 100 arrive in order, also around pauses longer than the keepalive allows', async () => {
  await using mosquitto = await startMosquitto({ maxInflight: 200 })
  await using front = await startWebSocketFront(mosquitto.port)
  const socket = { host: '127.0.0.1', port: front.port, webSocket }
  const collector = new Collector(['w/#'], { records: 100 })
  await using own = connect(options(0, { socket, keepalive: 1 }), collector)
  await connected(own.connection)
  const settling = setInterval(
    () =>
      collector.taken.splice(0).forEach((taken) => {
        texts.push(taken.text)
        taken.settle()
      }),
    20,
  )
  const texts: string[] = []
  try {
    await until(
      async () => {
        await publishNumbered({ port: mosquitto.port, topics: ['w/first'], count: 1, qos: 1 })
        return texts.length > 0
      },
      { what: 'the subscription' },
    )
    await publishNumbered({
      port: mosquitto.port,
      topics: ['w/1'],
      count: 2000,
      qos: 1,
      payload: ({ number }) => `n${number}`.padEnd(500),
    })
    const numbers = () => texts.filter((text) => text.startsWith('n')).map((text) => Number(text.slice(1)))
    await until(() => numbers().length >= 2000, { what: 'all of them', timeoutMs: 30_000 })
    assert.deepEqual(
      numbers(),
      Array.from({ length: 2000 }, (_, n) => n),
    )
  } finally {
    clearInterval(settling)
  }
})

test('a WebSocket server that sends text, or is none, breaks nothing but the connection', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => socket.send('hello'))
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  await using text = connect(options(0, { socket: { host: '127.0.0.1', port, webSocket } }), new Collector(['c']))
  assert.match((await failure(text)).message, /WebSocket message of text/)
  await text.connection.close()
  server.close()
  for (const client of server.clients) client.terminate()
  const rubbish = createServer((socket) => void socket.on('error', () => {}).end('what?\n'))
  await new Promise<void>((resolve) => rubbish.listen(0, '127.0.0.1', resolve))
  const address = rubbish.address() as { readonly port: number }
  await using none = connect(
    options(0, { socket: { host: '127.0.0.1', port: address.port, webSocket } }),
    new Collector(['c']),
  )
  assert.equal((await failure(none)).code, 'BROKER_UNREACHABLE')
  await none.connection.close()
  rubbish.close()
})
