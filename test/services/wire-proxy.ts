import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { type Frame, frameSplitter } from './mqtt-frames.ts'

export type Direction = 'toClient' | 'toBroker'

/** A packet at the moment the proxy passed it on. */
export interface WireEvent extends Omit<Frame, 'raw'> {
  /** Counts the packets of all connections in the order in which they were passed on. */
  readonly sequence: number
  /** `performance.now()`. */
  readonly atMs: number
  /** Counts connections from 1. */
  readonly connection: number
  readonly direction: Direction
}

/** `drop` loses the packet without a trace, `cut` ends the connection instead of passing it on. */
export type Verdict = 'forward' | 'drop' | 'cut'

export interface WireProxyOptions {
  /** Port of the broker's plain listener on 127.0.0.1. */
  readonly brokerPort: number
  /** Port to listen on; a free one if absent. */
  readonly port?: number
  /** PEM key and certificate: clients must speak TLS, and the proxy still sees the packets. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer }
  /** Asked before each packet, whose bytes are `raw`, is passed on. Dropped packets are not recorded. */
  readonly intercept?: (event: WireEvent, raw: Buffer) => Verdict
}

/** A TCP proxy between MQTT clients and a broker that understands and records what it passes on. */
export interface WireProxy extends AsyncDisposable {
  readonly port: number
  readonly events: readonly WireEvent[]
  /** How many connections clients have made so far; the newest has this number. */
  readonly connections: number
  /** How many of them are still there. */
  readonly open: number
  /** Ends all connections: at once towards the client, after everything already passed on towards the broker. */
  cut(): void
  /** Stops passing on in one direction: bytes stay in the sockets and TCP slows the sender. Also for new connections. */
  hold(direction: Direction): void
  release(direction: Direction): void
  /** While `false`, new connections are ended as soon as they are made. */
  accept(accepting: boolean): void
  /** May be called twice. */
  close(): Promise<void>
}

interface Link {
  readonly number: number
  readonly client: Socket
  readonly broker: Socket
}

export async function startWireProxy(options: WireProxyOptions): Promise<WireProxy> {
  const events: WireEvent[] = []
  const links = new Set<Link>()
  const held = new Set<Direction>()
  let connections = 0
  let accepting = true
  const sender = (link: Link, direction: Direction) => (direction === 'toClient' ? link.broker : link.client)

  const onClient = (client: Socket) => {
    if (!accepting) return void client.destroy()
    const link = { number: ++connections, client, broker: tcpConnect(options.brokerPort, '127.0.0.1') }
    links.add(link)
    for (const socket of [link.client, link.broker]) {
      socket.setNoDelay(true).on('error', () => {})
      socket.on('close', () => links.delete(link))
    }
    link.client.on('close', () => link.broker.end())
    link.broker.on('close', () => link.client.end())
    for (const direction of ['toClient', 'toBroker'] as const) pump(link, direction)
  }

  const pump = (link: Link, direction: Direction) => {
    const from = sender(link, direction)
    const to = from === link.client ? link.broker : link.client
    const split = frameSplitter()
    from.on('data', (chunk: Buffer) => {
      for (const frame of split(chunk)) if (!pass(link, direction, frame, to)) return
      if (to.writableNeedDrain) from.pause()
    })
    to.on('drain', () => !held.has(direction) && from.resume())
    if (held.has(direction)) from.pause()
  }

  const pass = (link: Link, direction: Direction, { raw, ...frame }: Frame, to: Socket): boolean => {
    const place = { sequence: events.length, atMs: performance.now(), connection: link.number, direction }
    const event: WireEvent = { ...place, ...frame }
    const verdict = options.intercept?.(event, raw) ?? 'forward'
    if (verdict === 'cut') drop(link)
    if (verdict !== 'forward') return verdict === 'drop'
    events.push(event)
    to.write(raw)
    return true
  }

  const server = options.tls ? createTlsServer(options.tls, onClient) : createServer(onClient)
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const close = async () => {
    links.forEach(drop)
    await new Promise((resolve) => server.close(resolve))
  }
  const address = server.address() as { readonly port: number }
  return {
    port: address.port,
    events,
    get connections() {
      return connections
    },
    get open() {
      return links.size
    },
    cut: () => links.forEach(drop),
    hold: (direction) => {
      held.add(direction)
      for (const link of links) sender(link, direction).pause()
    },
    release: (direction) => {
      held.delete(direction)
      for (const link of links) sender(link, direction).resume()
    },
    accept: (value) => {
      accepting = value
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** What was passed on to the broker must reach it, or the record would show acknowledgements that it never saw. */
function drop({ client, broker }: Link): void {
  client.destroy()
  broker.end(() => broker.destroy())
}
