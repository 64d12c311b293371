import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import type { FakeSession } from '../services/fake-session.ts'
import { type DeployType, type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { delayed } from './flow-shapes.ts'

/** Flows and deploys that have lost, or blocked, readings. */
describe('a reading survives', () => {
  let broker: FakeBroker
  let nodeRed: NodeRed
  let session: FakeSession
  let clients = 0
  let clientId: string

  before(async () => {
    broker = await startFakeBroker({ window: 100 })
    nodeRed = await startNodeRed({ nodesDir: join(import.meta.dirname, 'fixtures') })
  })
  after(async () => {
    await nodeRed.kill9()
    await broker.close()
  })

  const node = (id: string, type: string, wires: readonly (readonly string[])[], rest: object = {}): FlowNode => ({
    id,
    type,
    z: 'flow',
    x: 1,
    y: 1,
    wires,
    ...rest,
  })
  const source = (): FlowNode => ({
    id: 'broker',
    type: 'mqtt-v3-source',
    host: '127.0.0.1',
    port: String(broker.port),
    clientId,
    reconnectPeriodMs: '20 ms',
    maxReconnectDelayMs: '50 ms',
  })
  const reader = (id: string, filter: string, to: readonly string[], rest: object = {}): FlowNode =>
    node(id, 'mqtt-v3-in', [to, []], { source: 'broker', subscriptions: [{ filter, qos: '1' }], ...rest })
  const sink = (id: string, rest: object = {}) =>
    node(id, 'file-sink', [[], []], { path: `${id}.ndjson`, lingerMs: '0', ...rest })
  const fn = (id: string, func: string, to: readonly string[], outputs = 1) =>
    node(id, 'function', [to], { func, outputs, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] })
  /** Closes only after a while: a deploy that replaces it takes that long. */
  const slowToClose = (n: number, ms: number) => node('slow', 'probe-slow-close', [[]], { ms, n })
  const tab = { id: 'flow', type: 'tab', label: 'flow' }

  const lines = (file: string): string[] => {
    const path = join(nodeRed.userDir, file)
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  }
  const numbers = (file: string) => lines(file).map((line) => (JSON.parse(line) as { n: number }).n)
  const deadLetters = (id: string) =>
    lines(`rowline/dead-letter/${id}/rejected.ndjson`).map((line) => JSON.parse(line) as { payload: string })

  /** Starts from nothing: a session of its own, empty files. */
  async function start(filters: { readonly [filter: string]: 1 }, ...nodes: readonly FlowNode[]): Promise<void> {
    await nodeRed.deploy([tab])
    for (const file of readdirSync(nodeRed.userDir)) if (file.endsWith('.ndjson')) rmSync(join(nodeRed.userDir, file))
    rmSync(join(nodeRed.userDir, 'rowline/dead-letter'), { recursive: true, force: true })
    clientId = `attack-${++clients}`
    session = broker.session(clientId, filters)
    await nodeRed.deploy([tab, source(), ...nodes])
    await until(() => session.subscriptions.size > 0 && broker.connects.at(-1)?.packet.clientId === clientId, {
      what: 'the flow to connect',
    })
    await wait(100)
  }
  const deploy = (nodes: readonly FlowNode[], type: DeployType = 'nodes') =>
    nodeRed.deploy([tab, source(), ...nodes], type)
  const publish = (topic: string, n: number) => broker.publish({ topic, qos: 1, payload: JSON.stringify({ n }) })
  const acknowledged = (count: number, timeoutMs = 15_000) =>
    until(() => session.acknowledged.length >= count, {
      what: `${count} acknowledgements`,
      timeoutMs,
      output: () => `${session.acknowledged.length} so far; ${session.inFlight} in flight\n${nodeRed.log()}`,
    })

  it('two nodes with overlapping topics, one of them being replaced', async () => {
    const a = (n: number) => reader('a', 'x/1', ['ka'], { name: String(n) })
    const rest = [reader('b', 'x/#', ['kb']), sink('ka'), sink('kb')]
    await start({ 'x/#': 1, 'x/1': 1 }, a(0), slowToClose(0, 500), ...rest)
    const publishing = (async () => {
      for (let n = 0; n < 300; n++) {
        publish('x/1', n)
        await wait(5)
      }
    })()
    for (let n = 1; n < 3; n++) await deploy([a(n), slowToClose(n, 500), ...rest])
    await publishing
    await acknowledged(300)
    const missing = (file: string) => {
      const there = new Set(numbers(file))
      return Array.from({ length: 300 }, (_, n) => n).filter((n) => !there.has(n))
    }
    assert.deepEqual([missing('ka.ndjson'), missing('kb.ndjson')], [[], []])
  })

  it('what arrives at a node that is about to be replaced, on a connection that stays', async () => {
    const a = (n: number) => reader('a', 'a', ['ka'], { name: String(n), output: 'batches', lingerMs: '1' })
    const rest = [reader('b', 'b', ['kb']), sink('ka'), sink('kb')]
    await start({ a: 1, b: 1 }, a(0), slowToClose(0, 300), ...rest)
    let n = 0
    const stop = new AbortController()
    const publishing = (async () => {
      while (!stop.signal.aborted) {
        publish('a', n)
        publish('b', n++)
        await wait(1)
      }
    })()
    for (let round = 1; round < 6; round++) await deploy([a(round), slowToClose(round, 300), ...rest])
    stop.abort()
    await publishing
    await acknowledged(2 * n)
    assert.equal(new Set(numbers('ka.ndjson')).size, n)
    assert.equal(new Set(numbers('kb.ndjson')).size, n)
  })

  it('acknowledge on receipt with unrouted readings wired to output 2', async () => {
    const a = node('a', 'mqtt-v3-in', [['ka'], ['kb']], {
      source: 'broker',
      subscriptions: [
        { filter: 'r/+', qos: '1', route: 'r' },
        { filter: 'u/+', qos: '1' },
      ],
      acknowledge: 'onReceipt',
    })
    await start({ 'r/+': 1, 'u/+': 1 }, a, sink('ka'), sink('kb'))
    publish('u/1', 1)
    publish('r/1', 2)
    await acknowledged(2, 3000)
  })

  it('a list that holds no readings in front of a decoder', async () => {
    const decoder = node('d', 'row-decoder', [['ka'], []], { format: 'json', routes: [] })
    await start(
      { t: 1 },
      reader('a', 't', ['f'], { settleTimeoutMs: '1 s' }),
      fn('f', 'return { payload: [1, 2, 3] }', ['d']),
      decoder,
      sink('ka'),
    )
    publish('t', 1)
    await acknowledged(1, 5000)
    assert.ok(deadLetters('d').length + deadLetters('a').length > 0)
  })

  it('two branches fail and only one of them has a Catch', async () => {
    await start(
      { t: 1 },
      reader('a', 't', ['f', 'g']),
      fn('f', 'throw new Error("f")', []),
      fn('g', 'throw new Error("g")', []),
      node('c', 'catch', [['kg']], { scope: ['g'], uncaught: false }),
      sink('kg'),
    )
    publish('t', 1)
    await acknowledged(1, 5000)
    assert.equal(lines('kg.ndjson').length, 1)
    assert.equal(deadLetters('a').length, 1)
  })

  const switchNode = (rule: object, rest: object = {}) =>
    node('s', 'switch', [['k']], {
      property: 'payload',
      propertyType: 'msg',
      checkall: 'true',
      repair: false,
      outputs: 1,
      rules: [rule],
      ...rest,
    })

  /** Publishes quickly; gives how many readings were acknowledged before they were on disk. */
  async function acknowledgedTooEarly(during: () => Promise<void>): Promise<number> {
    let n = 0
    let early = 0
    const stop = new AbortController()
    const publishing = (async () => {
      while (!stop.signal.aborted) {
        for (let i = 0; i < 50; i++) publish('t', n++)
        await wait(5)
        const known = session.acknowledged.length
        early = Math.max(early, known - new Set(lines('k.ndjson')).size)
      }
    })()
    await during()
    stop.abort()
    await publishing
    await acknowledged(n)
    assert.equal(new Set(lines('k.ndjson')).size, n)
    return early
  }

  it('the queue of a switch', async () => {
    await start({ t: 1 }, switchNode({ t: 'nnull' }), reader('a', 't', ['s']), sink('k'))
    assert.equal(await acknowledgedTooEarly(() => wait(1500)), 0)
  })

  it('a switch that is replaced while readings are on their way to it', async () => {
    const rest = [reader('a', 't', ['s']), sink('k')]
    const replaced = (round: number) => [switchNode({ t: 'nnull' }, { name: String(round) }), ...rest]
    await start({ t: 1 }, ...replaced(0))
    const early = await acknowledgedTooEarly(async () => {
      for (let round = 1; round < 20; round++) await deploy(replaced(round))
    })
    assert.equal(early, 0)
  })

  it('a switch whose rule and property fail, and drop what does not match', async () => {
    const broken = { t: 'jsonata_exp', v: '$number("x")', vt: 'jsonata' }
    for (const [s, dead] of [
      [switchNode(broken), 20],
      [switchNode({ t: 'nnull' }, { property: '$number("x")', propertyType: 'jsonata' }), 20],
      [switchNode({ t: 'eq', v: 'no', vt: 'str' }), 0],
    ] as const) {
      await start({ t: 1 }, s, reader('a', 't', ['s']), sink('k'))
      for (let n = 0; n < 20; n++) publish('t', n)
      await acknowledged(20, 5000)
      assert.equal(deadLetters('a').length, dead)
    }
  })

  it('a reading in a batch whose payload cannot be written anywhere', async () => {
    const func = 'msg.payload = msg.payload.map(({ topic }) => ({ topic, payload: () => {} })); return msg'
    await start({ t: 1 }, reader('a', 't', ['f'], { output: 'batches' }), fn('f', func, ['k']), sink('k'))
    publish('t', 1)
    await acknowledged(1, 5000)
    assert.equal(lines('k.ndjson').length + deadLetters('k').length + deadLetters('a').length, 1)
  })

  it('a node that is replaced while its dead letters cannot be stored, on a connection that stays', async () => {
    const a = (n: number) => reader('a', 'a', ['f'], { name: String(n) })
    const rest = [fn('f', 'throw new Error("f")', []), reader('b', 'b', ['kb']), sink('kb')]
    await start({ a: 1, b: 1 }, a(0), ...rest)
    const blocked = join(nodeRed.userDir, 'rowline/dead-letter/a')
    mkdirSync(dirname(blocked), { recursive: true })
    writeFileSync(blocked, '')
    publish('a', 1)
    await wait(300)
    publish('b', 2)
    await wait(300)
    assert.equal(session.acknowledged.length, 0)
    await deploy([a(1), ...rest])
    rmSync(blocked)
    await acknowledged(2, 15_000)
    assert.ok(deadLetters('a').length >= 1)
  })

  it('a Function that overwrites the bytes of a reading that another node has too', async () => {
    await start(
      { t: 1 },
      reader('a', 't', ['f']),
      reader('b', '#', ['d']),
      fn('f', 'msg.payload.fill(32); throw new Error("f")', []),
      node('d', 'delay', [['kb']], delayed(100)),
      sink('kb'),
    )
    publish('t', 1)
    await acknowledged(1, 5000)
    assert.deepEqual(lines('kb.ndjson'), ['{"n":1}'])
    assert.equal(deadLetters('a')[0]?.payload, '{"n":1}')
  })

  it('a node that says twice that it is done with one of two copies', async () => {
    await start(
      { t: 1 },
      reader('a', 't', ['f']),
      fn('f', 'return [[{ ...msg, first: true }, { ...msg }]]', ['p']),
      node('p', 'probe-done-twice', [['k']]),
      sink('k'),
    )
    publish('t', 1)
    await acknowledged(1, 5000)
    assert.equal(lines('k.ndjson').length, 2)
  })

  it('a table of topics that has lost one: the broker is told, and the rest goes on', async () => {
    const a = (filters: readonly string[]) =>
      node('a', 'mqtt-v3-in', [['ka'], []], {
        source: 'broker',
        subscriptions: filters.map((filter) => ({ filter, qos: '1' })),
      })
    await start({}, a(['old', 'new']), sink('ka'))
    await deploy([a(['new']), sink('ka')], 'full')
    await wait(300)
    publish('old', 1)
    publish('new', 2)
    await acknowledged(2, 60_000)
    await until(() => !session.subscriptions.has('old'), { what: 'the UNSUBSCRIBE' })
    assert.deepEqual([...session.subscriptions.keys()], ['new'])
  })

  it('a decoder that is replaced while malformed readings come', async () => {
    const d = (n: number) => node('d', 'row-decoder', [['k'], []], { format: 'json', routes: [], name: String(n) })
    const rest = [reader('a', 't', ['d']), sink('k')]
    await start({ t: 1 }, d(0), slowToClose(0, 100), ...rest)
    let n = 0
    const stop = new AbortController()
    const publishing = (async () => {
      while (!stop.signal.aborted) {
        broker.publish({ topic: 't', qos: 1, payload: `{"n":${n++}` })
        await new Promise(setImmediate)
        if (n % 20 === 0) await wait(1)
      }
    })()
    for (let round = 1; round < 10; round++) await deploy([d(round), slowToClose(round, 100), ...rest])
    stop.abort()
    await publishing
    await acknowledged(n)
    assert.equal(new Set(deadLetters('d').map(({ payload }) => payload)).size, n)
  })
})
