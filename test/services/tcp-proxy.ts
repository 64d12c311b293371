import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A TCP proxy on 127.0.0.1 that can fail like a network. */
export interface TcpProxy {
  readonly port: number
  /** Connections cut so far. */
  readonly cuts: number
  /** Lets requests through, keeps back every reply for `holdMs`, then cuts: what was written looks lost. */
  cutReplies(holdMs: number): Promise<void>
  /** Lets requests through and no reply, on new connections too, until `heal`. */
  swallowReplies(): void
  /** Cuts all connections. */
  cut(): void
  /** Connections stay open, nothing passes in either direction any more, until `heal`. */
  blackhole(): void
  /** Cuts all connections and closes the port until `heal`. */
  refuse(): Promise<void>
  heal(): Promise<void>
  close(): Promise<void>
}

export interface TcpProxyOptions {
  /** Port on 127.0.0.1 (or `host`) that is stood in front of. */
  readonly target: number
  readonly host?: string
  /** Port to listen on; any free one by default. */
  readonly port?: number
  /** How much later every reply is passed on; 0 if absent. */
  readonly replyDelayMs?: number
  /** Sees every chunk that passes. */
  readonly observe?: (direction: 'request' | 'reply', chunk: Buffer) => void
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  holdReplies: boolean
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let cuts = 0
  let silent = false
  let swallowing = false
  const cutPair = (pair: Pair) => {
    pair.client.destroy()
    pair.server.destroy()
    if (pairs.delete(pair)) cuts++
  }
  const server = createServer((client) => {
    const pair: Pair = { client, server: connect(options.target, options.host ?? '127.0.0.1'), holdReplies: false }
    pairs.add(pair)
    forward(client, pair.server, (chunk) => !silent && pass('request', chunk))
    const passesReply = (chunk: Buffer) => !silent && !swallowing && !pair.holdReplies && pass('reply', chunk)
    forward(pair.server, client, passesReply, options.replyDelayMs)
    const end = () => {
      client.destroy()
      pair.server.destroy()
      pairs.delete(pair)
    }
    for (const socket of [client, pair.server]) socket.on('error', end).on('close', end)
  })
  const pass = (direction: 'request' | 'reply', chunk: Buffer) => {
    options.observe?.(direction, chunk)
    return true
  }
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  await listen(options.port ?? 0)
  const { port } = server.address() as { port: number }
  const refuse = async () => {
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const pair of pairs) cutPair(pair)
    await closed
  }
  return {
    port,
    get cuts() {
      return cuts
    },
    async cutReplies(holdMs) {
      const held = [...pairs]
      for (const pair of held) pair.holdReplies = true
      await sleep(holdMs)
      for (const pair of held) cutPair(pair)
    },
    swallowReplies() {
      swallowing = true
    },
    cut() {
      for (const pair of pairs) cutPair(pair)
    },
    blackhole() {
      silent = true
    },
    refuse,
    async heal() {
      if (silent || swallowing) for (const pair of pairs) cutPair(pair)
      silent = false
      swallowing = false
      if (!server.listening) await listen(port)
    },
    close: refuse,
  }
}

function forward(from: Socket, to: Socket, passes: (chunk: Buffer) => boolean, delayMs = 0): void {
  const pass = (chunk: Buffer) => {
    if (to.destroyed || to.write(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  }
  from.on('data', (chunk) => {
    if (!passes(chunk)) return
    if (delayMs === 0) pass(chunk)
    else setTimeout(pass, delayMs, chunk)
  })
}
