import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { StreamShim } from '../../src/mqtt/stream-shim.ts'

/** Both ends of a TCP connection, ours behind the shim. */
async function pair({ allowHalfOpen = false } = {}) {
  const server = createServer({ allowHalfOpen }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as { readonly port: number }).port, '127.0.0.1')
  const [peer] = (await once(server, 'connection')) as [Socket]
  const seen: string[] = []
  const shim = new StreamShim(socket, {
    connack: (sessionPresent) => seen.push(`connack ${sessionPresent}`),
    publish: ({ topic }) => seen.push(topic),
    pubrel: (id) => seen.push(`pubrel ${id}`),
    answer: () => false,
    disconnect: () => seen.push('disconnect'),
  })
  shim.on('error', () => {})
  const received: Buffer[] = []
  peer.on('error', () => {}).on('data', (chunk) => received.push(chunk))
  return {
    shim,
    peer,
    seen,
    received: () => Buffer.concat(received),
    [Symbol.dispose]: () => {
      shim.destroy()
      peer.destroy()
      server.close()
    },
  }
}

test('PUBLISH and PUBREL are taken out, the rest goes on, and CONNACK is seen first', async () => {
  using at = await pair()
  const through: Buffer[] = []
  at.shim.on('data', (chunk: Buffer) => through.push(chunk))
  at.peer.write(Buffer.from([0x20, 2, 1, 0, 0x30, 3, 0, 1, 97, 0x62, 2, 0, 7, 0xd0, 0, 0x30, 3, 0, 1, 98]))
  while (at.seen.length < 4) await wait(5)
  assert.deepEqual(at.seen, ['connack true', 'a', 'pubrel 7', 'b'])
  await wait(5)
  assert.deepEqual([...Buffer.concat(through)], [0x20, 2, 1, 0, 0xd0, 0])
})

test('a refused CONNACK begins nothing', async () => {
  using at = await pair()
  at.shim.resume()
  at.peer.write(Buffer.from([0x20, 2, 0, 5]))
  await wait(30)
  assert.deepEqual(at.seen, [])
})

test('a CONNACK whose length has a superfluous byte begins with what it says', async () => {
  using at = await pair()
  at.shim.resume()
  at.peer.write(Buffer.from([0x20, 0x82, 0, 1, 0, 0x30, 3, 0, 1, 97]))
  while (at.seen.length < 2) await wait(5)
  assert.deepEqual(at.seen, ['connack true', 'a'])
})

for (const isPipedLate of [false, true]) {
  test(`what the reader throws is an error of the shim, ${isPipedLate ? 'also of bytes that waited for it' : 'and of nobody else'}`, async () => {
    using at = await pair()
    const thrown = new Error('from the parser')
    const reader = new Writable({
      write() {
        throw thrown
      },
    })
    const pingresp = Buffer.from([0xd0, 0])
    if (isPipedLate) at.peer.write(pingresp)
    while (isPipedLate && at.shim.readableLength === 0) await wait(5)
    const ended = once(at.shim, 'close').then(() => 'closed', String)
    at.shim.pipe(reader)
    if (!isPipedLate) setTimeout(() => at.peer.write(pingresp), 20)
    assert.equal(await ended, String(thrown))
  })
}

test('silence counts from the moment reading goes on', async () => {
  using at = await pair()
  at.shim.pauseReading()
  await wait(60)
  assert.ok(performance.now() - at.shim.lastReceivedMs > 55)
  at.shim.resumeReading()
  const silentMs = performance.now() - at.shim.lastReceivedMs
  assert.ok(silentMs < 20, `silent for ${silentMs} ms`)
  await wait(60)
  at.shim.resumeReading()
  assert.ok(performance.now() - at.shim.lastReceivedMs > 50, 'a link that was read all the time stays silent')
})

test('what is written in pieces leaves in one piece, with ours before or after it', async () => {
  using at = await pair()
  const packets: Buffer[] = []
  for (let n = 0; n < 200; n++) {
    at.shim.cork()
    for (const piece of [1, 2, 3]) at.shim.write(Buffer.from([n, piece]))
    const ours = Buffer.from([n, 99])
    at.shim.send(ours)
    process.nextTick(() => at.shim.uncork())
    packets.push(ours)
    if (n % 7 === 0) await wait(0)
  }
  while (at.received().length < 200 * 8) await wait(5)
  const bytes = at.received()
  for (let i = 0; i < bytes.length; ) {
    const n = bytes[i]!
    if (bytes[i + 1] === 99) i += 2
    else {
      assert.deepEqual([...bytes.subarray(i, i + 6)], [n, 1, n, 2, n, 3])
      i += 6
    }
  }
})

test('finish sends the last packet, waits for the peer no longer than it may, and nothing follows', async () => {
  for (const allowHalfOpen of [false, true]) {
    using at = await pair({ allowHalfOpen })
    const start = performance.now()
    await at.shim.finish(Buffer.from([0xe0, 0]), 500)
    const tookMs = performance.now() - start
    if (allowHalfOpen) assert.ok(tookMs >= 495 && tookMs < 1000, `a peer that stays was given ${tookMs} ms`)
    else assert.ok(tookMs < 400, `a peer that goes was given ${tookMs} ms`)
    assert.equal(at.shim.send(Buffer.from([0x40, 2, 0, 1])), false)
    await wait(20)
    assert.deepEqual([...at.received()], [0xe0, 0])
  }
})

test('an end of the socket is an end of the shim, whichever side it comes from', async () => {
  using ended = await pair()
  ended.shim.resume()
  ended.peer.end()
  await once(ended.shim, 'close')
  using reset = await pair()
  const error = once(reset.shim, 'error').catch((thrown: unknown) => [thrown])
  reset.peer.resetAndDestroy()
  assert.equal(((await error)[0] as { code?: string }).code, 'ECONNRESET')
  assert.equal(reset.shim.send(Buffer.from([1])), false)
})
