import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import { syncDirectory } from './stored-rows.ts'

/** Packet ids of QoS 2 messages that are settled and wait for their PUBREL, with the digests of those messages. */
export interface ReceivedIds {
  readonly known: ReadonlyMap<number, string>
  /** Resolves when it is on disk, or the disk has failed: then a restart may hand a message over twice. */
  add(packetId: number, digest: string): Promise<void>
  remove(packetId: number): Promise<void>
  clear(): void
  close(): Promise<void>
}

const MOST_CHANGES = 20_000

/**
 * In a file, one line per change, synced in groups. `session` is the broker and client id that it was written for: of
 * another session nothing is known. A file that cannot be read counts as none, and so does one with a line that cannot:
 * it may have been the removal of an id that stands for another message now. Only the last line may be torn.
 */
export function openReceivedIds(file: string, session: string): ReceivedIds {
  return new StoredIds(file, session)
}

class StoredIds implements ReceivedIds {
  readonly known = new Map<number, string>()
  readonly #file: string
  readonly #session: string
  #handle: FileHandle | undefined
  #changes = 0
  #lines: string[] = []
  #writing: Promise<void> | undefined

  constructor(file: string, session: string) {
    this.#file = file
    this.#session = session
    this.#load()
    this.#rewrite()
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
    await this.#writing
    await this.#handle?.close().catch(() => {})
    this.#handle = undefined
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
  #rewrite(): void {
    this.#changes = 0
    const lines = [this.#session, ...this.known].map((line) => `${JSON.stringify(line)}\n`)
    try {
      mkdirSync(path.dirname(this.#file), { recursive: true })
      writeFileSync(`${this.#file}.new`, lines.join(''), { flush: true })
      renameSync(`${this.#file}.new`, this.#file)
      syncDirectory(path.dirname(this.#file))
    } catch {}
  }

  #append(change: readonly [number, string?]): Promise<void> {
    this.#lines.push(`${JSON.stringify(change)}\n`)
    this.#changes++
    this.#writing = (this.#writing ?? Promise.resolve()).then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    if (this.#lines.length === 0) return
    const lines = this.#lines.splice(0).join('')
    try {
      if (this.#changes > MOST_CHANGES) {
        await this.#handle?.close()
        this.#handle = undefined
        this.#rewrite()
        return
      }
      this.#handle ??= await open(this.#file, 'a')
      await this.#handle.write(lines)
      await this.#handle.datasync()
    } catch {
      // A part of these lines may stand there: the next ones are written into a new file.
      this.#changes = Infinity
    }
  }
}
