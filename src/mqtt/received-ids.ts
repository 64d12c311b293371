import { readFileSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { syncData, syncDirectory } from '../core/durable.ts'
import { messageOf } from '../core/errors.ts'
import { pause } from '../core/retry.ts'

/** Packet ids of QoS 2 messages that are settled and wait for their PUBREL, with the digests of those messages. */
export interface ReceivedIds {
  readonly known: ReadonlyMap<number, string>
  /** Resolves when it is on disk, or the disk has failed: then a restart may hand a message over twice. */
  add(packetId: number, digest: string): Promise<void>
  /**
   * Resolves when no file tells the next process that it is known: a new message under this id may be equal. Where the
   * disk does not take the removal the whole file is given up, and where it does not take that either, this waits for it.
   */
  remove(packetId: number): Promise<void>
  clear(): void
  close(): Promise<void>
}

const MOST_CHANGES = 20_000
const RETRY_MS = 1000

/**
 * In a file, one line per change, synced in groups. `session` is the broker and client id that it was written for: of
 * another session nothing is known. A file that cannot be read counts as none, and so does one with a line that cannot:
 * it may have been the removal of an id that stands for another message now. Only the last line may be torn.
 * `warn` is told once why `remove` waits.
 */
export function openReceivedIds(file: string, session: string, warn?: (message: string) => void): ReceivedIds {
  return new StoredIds(file, session, warn)
}

class StoredIds implements ReceivedIds {
  readonly known = new Map<number, string>()
  readonly #file: string
  readonly #session: string
  #handle: FileHandle | undefined
  #changes = 0
  #lines: string[] = []
  #hasRemoval = false
  #writing: Promise<void> | undefined
  readonly #closing = new AbortController()
  #warn: (message: string) => void

  constructor(file: string, session: string, warn: (message: string) => void = () => {}) {
    this.#file = file
    this.#session = session
    this.#warn = warn
    this.#load()
    this.#writing = this.#attempt(() => this.#rewrite()).then(() => {})
  }

  add(packetId: number, digest: string): Promise<void> {
    this.known.set(packetId, digest)
    return this.#append([packetId, digest])
  }

  async remove(packetId: number): Promise<void> {
    if (this.known.delete(packetId)) await this.#append([packetId])
  }

  clear(): void {
    if (this.known.size === 0) return
    const ids = [...this.known.keys()]
    this.known.clear()
    for (const id of ids) void this.#append([id])
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#writing
    await this.#leaveFile().catch(() => {})
  }

  #load(): void {
    try {
      const [first, ...lines] = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)
      if (JSON.parse(first ?? '') !== this.#session) return
      for (const line of lines) {
        const [packetId, digest] = JSON.parse(line) as readonly [number, string?]
        if (digest === undefined) this.known.delete(packetId)
        else this.known.set(packetId, digest)
      }
    } catch {
      this.known.clear()
    }
  }

  /** What is known and nothing else, in the place of the file. */
  async #rewrite(): Promise<void> {
    const lines = [this.#session, ...this.known].map((line) => `${JSON.stringify(line)}\n`)
    // What changes from here on stands in lines of its own behind these.
    this.#changes = 0
    await mkdir(path.dirname(this.#file), { recursive: true })
    const file = await open(`${this.#file}.new`, 'w')
    try {
      await file.writeFile(lines.join(''))
      await syncData(file)
    } finally {
      await file.close()
    }
    await rename(`${this.#file}.new`, this.#file)
    await syncDirectory(path.dirname(this.#file))
  }

  #append(change: readonly [number, string?]): Promise<void> {
    this.#lines.push(`${JSON.stringify(change)}\n`)
    this.#changes++
    this.#hasRemoval ||= change.length === 1
    this.#writing = (this.#writing ?? Promise.resolve()).then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    if (this.#lines.length === 0) return
    const lines = this.#lines.splice(0).join('')
    const hasRemoval = this.#hasRemoval
    this.#hasRemoval = false
    try {
      if (this.#changes > MOST_CHANGES) {
        await this.#leaveFile()
        await this.#rewrite()
        return
      }
      this.#handle ??= await open(this.#file, 'a')
      await this.#handle.appendFile(lines)
      await syncData(this.#handle)
    } catch {
      // A part of these lines may stand there: the next ones are written into a new file.
      this.#changes = Infinity
      if (hasRemoval) await this.#giveUpFile()
    }
  }

  async #leaveFile(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  /** Resolves when it is replaced or gone, or at `close`. */
  async #giveUpFile(): Promise<void> {
    await this.#leaveFile().catch(() => {})
    const { signal } = this.#closing
    const isGone = async () => (await this.#attempt(() => this.#rewrite())) || this.#attempt(() => this.#unlink())
    while (!(await isGone()) && !signal.aborted) await pause(RETRY_MS, signal)
  }

  async #unlink(): Promise<void> {
    try {
      await rm(this.#file, { force: true })
      await syncDirectory(path.dirname(this.#file))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return
      this.#warn(
        `QoS 2 messages wait, or some could be lost after a restart: ${this.#file} can neither be written nor deleted (${messageOf(error)})`,
      )
      this.#warn = () => {}
      throw error
    }
  }

  /** Says whether it has worked. Where it has not, the next change begins a new file. */
  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch {
      this.#changes = Infinity
      return false
    }
  }
}
