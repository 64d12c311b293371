import { Duplex, type Writable } from 'node:stream'
import { type Answer, decodeAnswer } from './answer.ts'
import { bodyStart, type DecoderOptions, type PacketReceiver, PublishDecoder } from './publish-decoder.ts'
import { violation } from './violation.ts'

export interface ShimReceiver extends Omit<PacketReceiver, 'other'> {
  /** Seen before MQTT.js sees it, because PUBLISHes may follow in the same segment. */
  connack(sessionPresent: boolean): void
  /** Says whether it was to something that we have published; MQTT.js gets it if not. */
  answer(answer: Answer): boolean
  /** The whole DISCONNECT of an MQTT 5 server. */
  disconnect(packet: Buffer): void
}

const CONNACK = 2
const DISCONNECT = 14

/**
 * The stream that MQTT.js talks to. PUBLISH, PUBREL and answers to what we publish are taken out of what the server sends; MQTT.js gets the rest
 * and writes through us. Both sides write whole packets only: MQTT.js corks around each packet, so one `_writev` never
 * ends inside one, and our acknowledgements go to the socket between them.
 */
export class StreamShim extends Duplex {
  readonly #socket: Duplex
  #hasConnack = false
  /** Monotonic ms of the last bytes from the server. */
  lastReceivedMs = performance.now()

  constructor(socket: Duplex, receiver: ShimReceiver, options: DecoderOptions = {}) {
    super({ allowHalfOpen: false, autoDestroy: true })
    this.#socket = socket
    const inside = this.#greeted(receiver)
    const decoder = new PublishDecoder(inside, options)
    socket.on('data', (chunk: Buffer) => {
      this.lastReceivedMs = performance.now()
      try {
        decoder.push(chunk)
      } catch (error) {
        this.destroy(error as Error)
      }
    })
    socket.on('error', (error) => this.destroy(error))
    socket.on('end', () => this.push(null))
    socket.on('close', () => this.destroy())
  }

  /** Nothing may come before CONNACK [MQTT-3.2.0-1], and that once. */
  #greeted(receiver: ShimReceiver): PacketReceiver {
    const greeted = () => {
      if (!this.#hasConnack) throw violation('another packet before CONNACK [MQTT-3.2.0-1]')
    }
    return {
      publish: (packet) => {
        greeted()
        receiver.publish(packet)
      },
      pubrel: (packetId) => {
        greeted()
        receiver.pubrel(packetId)
      },
      other: (type, packet) => {
        const answer = decodeAnswer(type, packet)
        if (answer && receiver.answer(answer)) return
        if (type === CONNACK) this.#connack(packet, receiver)
        if (type === DISCONNECT) receiver.disconnect(packet)
        this.push(Buffer.from(packet))
      },
    }
  }

  #connack(packet: Buffer, receiver: ShimReceiver): void {
    if (this.#hasConnack) throw violation('CONNACK twice [MQTT-3.2.0-2]')
    this.#hasConnack = true
    const at = bodyStart(packet, 0)
    const [flags, code] = [packet[at]!, packet[at + 1]]
    if (flags > 1) throw violation('a CONNACK with reserved flags')
    if (code === 0) receiver.connack(flags === 1)
  }

  get paused(): boolean {
    return this.#socket.isPaused()
  }

  pauseReading(): void {
    this.#socket.pause()
  }

  /** Silence counts from here: what came meanwhile has not been read yet. */
  resumeReading(): void {
    if (this.paused) this.lastReceivedMs = performance.now()
    this.#socket.resume()
  }

  /** Sends whole packets of ours; `written` hears when the system has them. False when the connection has gone. */
  send(packets: Buffer, written?: (error?: Error | null) => void): boolean {
    if (this.destroyed || !this.#socket.writable) return false
    this.#socket.write(packets, written)
    return true
  }

  /**
   * Sends a last packet and waits up to `graceMs` for the peer to close. What still arrives is read: closing a socket
   * with unread bytes resets the connection, and the peer may then never see what we sent last.
   */
  async finish(packet: Buffer, graceMs: number): Promise<void> {
    const socket = this.#socket
    if (!socket.writable) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs)
      socket.once('close', () => {
        clearTimeout(timer)
        resolve()
      })
      socket.end(packet)
      socket.resume()
    })
  }

  /**
   * What MQTT.js throws while it handles a packet ends the connection. Left alone it would end the process: either Node
   * passes it to the parser as an `error` that MQTT.js does not listen for, or it is thrown in a tick of its own.
   */
  override pipe<T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T {
    const parser = destination as unknown as Writable
    const write = parser._write
    parser._write = (...args) => {
      try {
        write.apply(parser, args)
      } catch (error) {
        this.destroy(error as Error)
      }
    }
    return super.pipe(destination, options)
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
