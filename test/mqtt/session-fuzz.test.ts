import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises'
import { accepted, type Delivery, released } from '../../src/core/delivery.ts'
import type { MqttConnection, Subscriber } from '../../src/mqtt/connection.ts'
import { InboundSession } from '../../src/mqtt/inbound-session.ts'
import type { InboundPublish } from '../../src/mqtt/publish-decoder.ts'
import type { ReceivedIds } from '../../src/mqtt/received-ids.ts'
import { sized } from '../loss/sizes.ts'
import { randomFrom } from '../outbox/random.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { create, options, subscribed } from './harness.ts'

const schedules = sized(400, 50_000)
const first = Number(process.env.ROWLINE_SEED ?? 1)
/** They wait most of the time. */
const atOnce = 40

/**
 * What a schedule may do. `redeploys`: a subscriber accepts in the order in which it was given, and releases all that it
 * has or nothing, before the next one gets anything. Then, and where the broker keeps its sessions, no message is
 * accepted before all that were published earlier: a sink that writes in the order in which it is given, and is replaced,
 * leaves no gap. Else settling is at random, subscribers change at any time, and no order is promised. `forgets`: the
 * broker at times loses its sessions, and what had not arrived.
 */
interface Kind {
  readonly qos: 1 | 2
  readonly redeploys: boolean
  readonly forgets: boolean
  readonly stores: boolean
}

interface Held {
  readonly number: number
  readonly delivery: Delivery
}

type Fate =
  | { readonly status: 'with'; readonly taker: Taker }
  | { readonly status: 'released' }
  | { readonly status: 'accepted'; readonly connects: number }

/** The books of one schedule. */
class World {
  readonly kind: Kind
  readonly seed: number
  readonly random: () => number
  readonly log: string[] = []
  readonly problems: string[] = []
  published = 0
  readonly arrived = new Set<number>()
  readonly accepted = new Set<number>()
  readonly #fates = new Map<number, Fate>()
  broker!: FakeBroker
  clientId = ''
  connection!: MqttConnection

  constructor(seed: number, kind: Kind) {
    this.seed = seed
    this.kind = kind
    this.random = randomFrom(seed)
  }

  upTo(most: number): number {
    return 1 + Math.floor(this.random() * most)
  }

  note(what: string): void {
    this.log.push(`${performance.now().toFixed(1)} ${what}`)
  }

  handed(number: number, taker: Taker): void {
    this.note(`${number} -> ${taker.name}`)
    const fate = this.#fates.get(number)
    if (fate?.status === 'with') this.problems.push(`${number} is handed over and ${fate.taker.name} still has it`)
    const isAnswerLost = this.kind.qos === 1 && fate?.status === 'accepted' && fate.connects < this.connects
    if (fate?.status === 'accepted' && !isAnswerLost) this.problems.push(`${number} is handed over and was accepted`)
    this.#fates.set(number, { status: 'with', taker })
  }

  get connects(): number {
    return this.broker.connects.length
  }

  accept({ number, delivery }: Held): void {
    this.note(`accept ${number}`)
    if (!this.kind.forgets && this.kind.redeploys && !this.accepted.has(number) && number !== this.accepted.size + 1)
      this.problems.push(`${number} is accepted after ${this.accepted.size}`)
    this.accepted.add(number)
    this.#fates.set(number, { status: 'accepted', connects: this.connects })
    delivery.settle(accepted)
  }

  release({ number, delivery }: Held): void {
    this.note(`release ${number}`)
    this.#fates.set(number, { status: 'released' })
    delivery.settle(released)
  }

  acknowledged(number: number): void {
    this.note(`acknowledged ${number}`)
    if (!this.accepted.has(number)) this.problems.push(`${number} is acknowledged and nobody has accepted it`)
  }

  get lost(): number[] {
    return [...this.arrived].filter((number) => !this.accepted.has(number))
  }
}

let takers = 0

class Taker implements Subscriber {
  readonly filters: Subscriber['filters']
  readonly window: Subscriber['window']
  readonly name = `taker ${++takers}`
  readonly #world: World
  held: Held[] = []
  settles = false

  constructor(world: World, records: number) {
    this.#world = world
    this.filters = [{ filter: 't', qos: world.kind.qos }]
    this.window = { records, bytes: 1 << 20 }
  }

  matches(): boolean {
    return true
  }

  receive({ payload }: InboundPublish, delivery: Delivery): void {
    const number = numberOf(payload)
    this.#world.handed(number, this)
    this.held.push({ number, delivery })
    if (this.settles) this.acceptFirst(this.held.length)
  }

  changed(): void {
    this.#world.note(this.#world.connection.status.phase)
  }

  acceptFirst(count: number): void {
    for (const each of this.held.splice(0, count)) this.#world.accept(each)
  }

  acceptAny(): void {
    const at = Math.floor(this.#world.random() * this.held.length)
    for (const each of this.held.splice(at, 1)) this.#world.accept(each)
  }

  releaseAny(): void {
    const at = Math.floor(this.#world.random() * this.held.length)
    for (const each of this.held.splice(at, 1)) this.#world.release(each)
  }

  /** In any order. */
  releaseAll(): void {
    const all = this.held.splice(0).map((each) => ({ each, at: this.#world.random() }))
    for (const { each } of all.sort((a, b) => a.at - b.at)) this.#world.release(each)
  }
}

const numberOf = (payload: Buffer | string): number => Number(String(payload).split(' ')[1])

/** A disk that answers late. */
class LateIds implements ReceivedIds {
  readonly known = new Map<number, string>()
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  async #disk(): Promise<void> {
    if (this.#world.random() < 0.7) await wait(this.#world.random() * 30)
  }

  add(packetId: number, digest: string): Promise<void> {
    this.known.set(packetId, digest)
    return this.#disk()
  }

  remove(packetId: number): Promise<void> {
    this.known.delete(packetId)
    return this.#disk()
  }

  clear(): void {
    this.known.clear()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** What a schedule does, one step after the other. */
class Schedule {
  readonly #world: World
  #taker: Taker
  /** Replaced, and they still have something. */
  #former: Taker[] = []
  #suspended = false
  #down = false
  #off = false
  #lastOnes: number | undefined

  constructor(world: World) {
    this.#world = world
    this.#taker = this.#subscribe()
  }

  async run(steps: number): Promise<void> {
    for (; steps > 0; steps--) {
      await this.#step()
      await this.#pause()
    }
    await this.#finish()
  }

  async #pause(): Promise<void> {
    const { random } = this.#world
    const chance = random()
    if (chance < 0.3) return
    if (chance < 0.6) for (let turns = this.#world.upTo(4); turns > 0; turns--) await immediate()
    else if (chance < 0.98) await wait(random() * random() * 40)
    else await wait(120)
  }

  async #step(): Promise<void> {
    const { kind } = this.#world
    const steps: [weight: number, name: string, step: () => unknown][] = [
      [5, 'publish', () => this.#publish()],
      [3, 'accept', () => this.#accept()],
      [2, 'release', () => this.#release()],
      [2, 'suspend', () => this.#suspend()],
      [3, 'resume', () => this.#resume()],
      [1, 'replace', () => this.#replace()],
      [2, 'cut', () => this.#world.broker.cut()],
      [1, 'down or up', () => this.#turnBroker()],
      [1, 'off or on', () => this.#turnConnection()],
      [kind.forgets ? 1 : 0, 'forget', () => this.#world.broker.forgetSessions()],
      [kind.forgets ? 1 : 0, 'restore', () => this.#restore()],
    ]
    const raffle = steps.flatMap((step) => Array<typeof step>(step[0]).fill(step))
    const [, name, step] = raffle[this.#world.upTo(raffle.length) - 1]!
    this.#world.note(name)
    await step()
  }

  /** As from an old copy: the broker says that it has the session, and gives its ids to new messages. */
  #restore(): void {
    const { broker, kind, clientId } = this.#world
    broker.forgetSessions()
    broker.session(clientId, { t: kind.qos })
  }

  #publish(): void {
    const { broker, kind, seed } = this.#world
    for (let count = this.#world.upTo(4); count > 0; count--)
      broker.publish({ topic: 't', qos: kind.qos, payload: `${seed} ${++this.#world.published}` })
  }

  #accept(): void {
    const { random, kind } = this.#world
    if (kind.redeploys) this.#taker.acceptFirst(this.#world.upTo(3))
    else for (const taker of [this.#taker, ...this.#former]) if (random() < 0.7) taker.acceptAny()
  }

  #release(): void {
    const { random, kind } = this.#world
    if (kind.redeploys || random() < 0.3) this.#taker.releaseAll()
    else for (const taker of [this.#taker, ...this.#former]) if (random() < 0.5) taker.releaseAny()
  }

  #suspend(): void {
    this.#suspended = true
    this.#world.connection.suspend()
  }

  #resume(): void {
    if (!this.#suspended) return
    this.#suspended = false
    this.#world.connection.resume()
  }

  #replace(): void {
    const { connection, kind, random } = this.#world
    if (kind.redeploys && !this.#suspended) this.#suspend()
    const old = this.#taker
    if (kind.redeploys || random() < 0.6) old.releaseAll()
    else this.#former.push(old)
    connection.unsubscribe(old)
    this.#taker = this.#subscribe()
    // It switches the connection on.
    this.#off = false
  }

  #subscribe(): Taker {
    const taker = new Taker(this.#world, [2, 5, 1000][this.#world.upTo(3) - 1]!)
    this.#world.connection.subscribe(taker)
    return taker
  }

  async #turnBroker(): Promise<void> {
    const { broker } = this.#world
    this.#down = !this.#down
    if (this.#down) await broker.down()
    else await broker.up()
  }

  #turnConnection(): void {
    const { connection } = this.#world
    this.#off = !this.#off
    if (this.#off) void connection.disconnect()
    else void connection.connect().catch(() => {})
  }

  async #finish(): Promise<void> {
    const { connection } = this.#world
    this.#world.note('finish')
    if (this.#down) await this.#turnBroker()
    if (this.#off) this.#turnConnection()
    if (this.#suspended && this.#world.random() < 0.5) this.#taker.releaseAll()
    this.#resume()
    for (const taker of [this.#taker, ...this.#former]) {
      taker.settles = true
      taker.acceptFirst(Number.POSITIVE_INFINITY)
    }
    await until(() => this.#isDone(), { what: 'the end', intervalMs: 10, timeoutMs: 40_000 }).catch((error) =>
      this.#world.problems.push(`${error.message}: ${this.#world.lost} are lost ${JSON.stringify(connection.status)}`),
    )
  }

  /** What is published from here on arrives too, where the broker has forgotten what it is to send. */
  #isDone(): boolean {
    const { accepted, connection, kind, lost, published } = this.#world
    const { phase, unacknowledged } = connection.status
    this.#lastOnes ??= published + 1
    const isAll = kind.forgets ? Math.max(0, ...accepted) >= this.#lastOnes : accepted.size === published
    if (kind.forgets && !isAll) this.#publish()
    return isAll && phase === 'connected' && unacknowledged === 0 && lost.length === 0
  }
}

const worlds = new Map<string, World>()

let port = 12_000 + Math.floor(Math.random() * 18_000)

/** On a port of its own: while it is down no other one gets it. */
async function brokerOf(world: World): Promise<FakeBroker> {
  const window = [2, 5, 100][world.upTo(3) - 1]!
  const onAcknowledged = ({ payload }: { payload: string | Buffer }) => world.acknowledged(numberOf(payload))
  for (;;) {
    port = port < 30_000 ? port + 1 : 12_000
    const broker = await startFakeBroker({ window, onAcknowledged, port }).catch(() => undefined)
    if (broker) return broker
  }
}

async function play(seed: number): Promise<World> {
  const kind: Kind = {
    qos: seed & 1 ? 1 : 2,
    redeploys: (seed & 2) === 0,
    forgets: (seed & 4) === 0,
    stores: (seed & 8) === 0,
  }
  const world = new World(seed, kind)
  worlds.set(String(seed), world)
  world.broker = await brokerOf(world)
  const own = options(world.broker.port, {
    reconnect: { baseMs: 5, maxMs: 10 },
    ...(kind.stores ? { receivedIds: () => new LateIds(world) } : {}),
  })
  world.clientId = own.clientId
  world.connection = create(own, (publish, delivery) => {
    world.problems.push(`${publish.payload} is nobody's`)
    delivery.settle(accepted)
  })
  const schedule = new Schedule(world)
  world.connection.open()
  await subscribed(world.broker, own)
  await schedule.run(world.upTo(60))
  await world.connection.close()
  await world.broker.close()
  worlds.delete(String(seed))
  world.problems.push(...world.broker.violations)
  return world
}

/** Everything that a session takes from its broker is in the books from then on. A mock would keep each call for ever. */
function watchArrivals(t: TestContext): void {
  const { add } = InboundSession.prototype
  InboundSession.prototype.add = function (this: InboundSession, publish: InboundPublish) {
    const [seed = ''] = String(publish.payload).split(' ')
    worlds.get(seed)?.arrived.add(numberOf(publish.payload))
    return add.call(this, publish)
  }
  t.after(() => {
    InboundSession.prototype.add = add
  })
}

const shown = ({ seed, kind, problems, log }: World) =>
  `seed ${seed} ${JSON.stringify(kind)}: ${problems.join('; ')}\n${log.join('\n')}`

test(`${schedules} random schedules of cuts, redeploys and settlements: nothing that has arrived is lost, acknowledged too early or handed over twice, and newer messages never pass older ones`, {
  timeout: sized(120_000, 7_200_000),
}, async (t) => {
  watchArrivals(t)
  const failed: World[] = []
  let next = first
  let published = 0
  const worker = async () => {
    while (next < first + schedules) {
      const world = await play(next++)
      published += world.published
      if (world.problems.length > 0) failed.push(world)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  process.stderr.write(`ledger: ${published} published in ${schedules} schedules, ${failed.length} failed\n`)
  const [shortest] = failed.sort((a, b) => a.log.length - b.log.length)
  if (shortest) assert.fail(shown(shortest))
})
