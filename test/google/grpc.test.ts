import assert from 'node:assert/strict'
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { createServer as createTcpServer } from 'node:net'
import { after, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { classifyCall, GrpcError } from '../../src/google/errors.ts'
import { GrpcChannel } from '../../src/google/grpc.ts'
import { range } from '../contract/sink-harness.ts'
import { forever } from '../sinks/kafka-harness.ts'

type Handle = (stream: ServerHttp2Stream, body: Buffer) => unknown

const servers: Http2Server[] = []
const sessions = new Set<ServerHttp2Session>()
after(() => {
  for (const session of sessions) session.destroy()
  for (const server of servers) server.close()
})

/** An HTTP/2 server of its own, and a channel to it. */
async function started(handle: Handle, { timeoutMs = 10_000, mostStreams = 1000 } = {}) {
  const server = createServer({ settings: { maxConcurrentStreams: mostStreams } })
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream) => {
    const parts: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => handle(stream, Buffer.concat(parts)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  servers.push(server)
  const { port } = server.address() as { readonly port: number }
  const origin = `http://127.0.0.1:${port}`
  const channel = new GrpcChannel({ origin, service: 'test.Echo', headers: () => Promise.resolve({}), timeoutMs })
  const ask = (text: string, signal = forever) => channel.unary('Say', Buffer.from(text), 'name=x', signal).then(String)
  return { channel, ask, port }
}

/** Answers with the message itself. */
const echo: Handle = (stream, body) => {
  if (stream.destroyed) return
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(body)
}

const codeOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof GrpcError)
  return [error.code, classifyCall(error, 'It').code]
}

describe('calls over HTTP/2', () => {
  it('are all answered, each with its own answer, where the server takes few at a time', async () => {
    const { ask, channel } = await started(echo, { mostStreams: 5 })
    const texts = range(0, 2000).map((n) => `call ${n}`)
    assert.deepEqual(await Promise.all(texts.map((text) => ask(text))), texts)
    channel.close()
  })

  it('use at most four connections, with at most 100 calls on each', async () => {
    let [open, most] = [0, 0]
    const used = new Set<unknown>()
    const slow: Handle = async (stream, body) => {
      used.add(stream.session)
      most = Math.max(most, ++open)
      await wait(20)
      open--
      echo(stream, body)
    }
    const { ask, channel } = await started(slow)
    await Promise.all(range(0, 1500).map((n) => ask(String(n))))
    assert.equal(used.size, 4)
    assert.ok(most <= 400, `${most}`)
    channel.close()
  })

  it('do not use up their time while they wait for room', async () => {
    const slow: Handle = async (stream, body) => {
      await wait(1000)
      echo(stream, body)
    }
    const { ask, channel } = await started(slow, { timeoutMs: 5000 })
    const start = performance.now()
    assert.equal((await Promise.all(range(0, 2800).map((n) => ask(String(n))))).length, 2800)
    assert.ok(performance.now() - start > 5000)
    channel.close()
  })

  it('go on over a connection that the server ends', async () => {
    let calls = 0
    const { ask, channel } = await started((stream, body) => {
      echo(stream, body)
      if (++calls === 1) stream.session?.goaway()
    })
    assert.equal(await ask('one'), 'one')
    assert.equal(await ask('two'), 'two')
    channel.close()
  })

  it('end at once when they are aborted, and the server hears of it', async () => {
    let cancelled = 0
    const { ask, channel } = await started((stream) =>
      stream.on('aborted', () => cancelled++).on('close', () => cancelled++),
    )
    const control = new AbortController()
    const calls = range(0, 3).map((n) => ask(String(n), control.signal))
    await wait(100)
    control.abort()
    for (const call of calls) await assert.rejects(call, { code: 'DELIVERY_RELEASED' })
    await assert.rejects(ask('late', control.signal), { code: 'DELIVERY_RELEASED' })
    while (cancelled < 3) await wait(10)
    channel.close()
  })
})

describe('a server that does not speak gRPC', () => {
  for (const [status, code, meaning] of [
    [400, 13, 'TARGET_FAILED'],
    [401, 16, 'CREDENTIALS_REFUSED'],
    [403, 7, 'TARGET_AUTHORIZATION'],
    [404, 12, 'TARGET_UNSUPPORTED'],
    [429, 14, 'TARGET_UNREACHABLE'],
    [502, 14, 'TARGET_UNREACHABLE'],
    [503, 14, 'TARGET_UNREACHABLE'],
    [504, 14, 'TARGET_UNREACHABLE'],
    [500, 2, 'TARGET_FAILED'],
  ] as const)
    it(`and answers ${status} means ${meaning}`, async () => {
      const { ask, channel } = await started((stream) => {
        stream.respond({ ':status': status })
        stream.end('<html>')
      })
      assert.deepEqual(await codeOf(ask('x')), [code, meaning])
      channel.close()
    })

  it('or breaks off, is out of reach for a while', async () => {
    const { ask, channel } = await started((stream) => stream.destroy())
    assert.deepEqual(await codeOf(ask('x')), [14, 'TARGET_UNREACHABLE'])
    const gone = await started((stream) => {
      stream.respond({ ':status': 200 })
      stream.end()
    })
    assert.deepEqual(await codeOf(gone.ask('x')), [14, 'TARGET_UNREACHABLE'])
    channel.close()
    gone.channel.close()
  })

  it('or does not answer at all, costs many calls no more than two time limits', async () => {
    const silent = createTcpServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(silent.address() as { readonly port: number }).port}`
    const channel = new GrpcChannel({ origin, service: 's', headers: () => Promise.resolve({}), timeoutMs: 1000 })
    const calls = range(0, 500).map(() => codeOf(channel.unary('M', Buffer.alloc(1), '', forever)))
    const codes = await Promise.race([Promise.all(calls), wait(20_000).then(() => assert.fail('still waiting'))])
    assert.deepEqual(new Set(codes.map(([code]) => code)), new Set([4, 14]))
    channel.close()
    silent.close()
  })

  it('or is not there, is out of reach', async () => {
    const { port, channel } = await started(echo)
    channel.close()
    for (const server of servers) server.close()
    for (const session of sessions) session.destroy()
    const origin = `http://127.0.0.1:${port}`
    const other = new GrpcChannel({ origin, service: 's', headers: () => Promise.resolve({}), timeoutMs: 5000 })
    assert.deepEqual(await codeOf(other.unary('M', Buffer.alloc(1), '', forever)), [14, 'TARGET_UNREACHABLE'])
    other.close()
  })
})
