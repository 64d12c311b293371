import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fromText } from '../../src/core/bytes.ts'
import { messageOf, PipelineError } from '../../src/core/errors.ts'
import { toJson } from '../../src/core/record.ts'
import { pause, retryDelayMs, within } from '../../src/core/retry.ts'
import { syncGate } from '../../src/core/sync-gate.ts'
import { type FileLayer, nodeFiles, writeFully } from '../../src/outbox/files.ts'
import { decodeJson } from '../../src/rows/decode-json.ts'
import { type BirthStore, birthsFromValue, birthsToValue, type EdgeBirths } from '../../src/rows/sparkplug/birth.ts'

const backoff = { baseMs: 500, maxMs: 30_000 }
const closeMs = 3000
/** Files written at the same time. */
const together = 16

/**
 * The births of one decoder, a file for each edge node below `<userDir>/rowline/sparkplug`. A file is replaced by one that
 * is complete and on the disk, many of them with one wait. What cannot be written is tried again until it can.
 */
export class BirthFiles implements BirthStore {
  readonly #directory: string
  readonly #warn: (text: string) => void
  readonly #files: FileLayer
  readonly #abort = new AbortController()
  /** By edge node; undefined for one that is to be forgotten. */
  readonly #unsaved = new Map<string, EdgeBirths | undefined>()
  readonly #waiting: { readonly upTo: number; readonly then: () => void }[] = []
  #changes = 0
  #savedChanges = 0
  #running: Promise<void> | undefined
  /** Why nothing can be saved at present. */
  error: PipelineError | undefined

  constructor(directory: string, warn: (text: string) => void, files: FileLayer = nodeFiles) {
    this.#directory = directory
    this.#warn = warn
    this.#files = files
  }

  /** What cannot be read costs names until the next BIRTH, and is said. */
  load(): EdgeBirths[] {
    return this.#list().flatMap((name) => {
      const file = path.join(this.#directory, name)
      return this.#orWarn(file, () => [birthsFromValue(decodeJson(readFileSync(file)))])
    })
  }

  save(births: EdgeBirths): void {
    this.#change(births.edgeNode, births)
  }

  forget(edgeNode: string): void {
    this.#change(edgeNode, undefined)
  }

  /**
   * Calls back when all changes until now are on the disk, at once if they are, in the order of the calls. Never after a
   * close that came first.
   */
  afterSaved(then: () => void): void {
    if (this.#waiting.length === 0 && this.#savedChanges === this.#changes) then()
    else this.#waiting.push({ upTo: this.#changes, then })
  }

  async close(): Promise<void> {
    if (this.error === undefined && this.#running) await within(closeMs, this.#running)
    this.#abort.abort()
    await this.#running
    this.#waiting.length = 0
  }

  #list(): string[] {
    if (!existsSync(this.#directory)) return []
    const isBirth = (name: string) => name.endsWith('.json')
    return this.#orWarn(this.#directory, () => readdirSync(this.#directory).filter(isBirth))
  }

  #orWarn<T>(file: string, read: () => T[]): T[] {
    try {
      return read()
    } catch (error) {
      this.#warn(`${file} cannot be read, its aliases are unknown until the next BIRTH: ${messageOf(error)}`)
      return []
    }
  }

  #change(edgeNode: string, births: EdgeBirths | undefined): void {
    this.#unsaved.set(edgeNode, births)
    this.#changes++
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    // All births of one message are one group.
    await null
    for (let failures = 0; this.#unsaved.size > 0 && !signal.aborted; ) {
      const group = [...this.#unsaved]
      const upTo = this.#changes
      this.#unsaved.clear()
      try {
        await this.#write(group)
      } catch (error) {
        for (const [edgeNode, births] of group) if (!this.#unsaved.has(edgeNode)) this.#unsaved.set(edgeNode, births)
        this.error = new PipelineError('FILE_FAILED', { path: this.#directory, problem: messageOf(error) }, error)
        await pause(retryDelayMs(failures++, backoff), signal)
        continue
      }
      failures = 0
      this.error = undefined
      this.#saved(upTo)
    }
    // In the same step in which nothing was left: what changes next begins anew.
    this.#running = undefined
  }

  #saved(upTo: number): void {
    this.#savedChanges = upTo
    while (this.#waiting.length > 0 && this.#waiting[0]!.upTo <= upTo) {
      const { then } = this.#waiting.shift()!
      try {
        then()
      } catch (error) {
        this.#warn(messageOf(error))
      }
    }
  }

  async #write(group: readonly (readonly [edgeNode: string, births: EdgeBirths | undefined])[]): Promise<void> {
    await this.#files.makeDirectory(this.#directory)
    for (let i = 0; i < group.length; i += together) {
      const part = group.slice(i, i + together)
      const results = await Promise.allSettled(part.map(([edgeNode, births]) => this.#replace(edgeNode, births)))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
    }
    await syncGate.run(() => this.#files.syncDirectory(this.#directory))
  }

  async #replace(edgeNode: string, births: EdgeBirths | undefined): Promise<void> {
    const name = createHash('sha256').update(edgeNode).digest('hex').slice(0, 32)
    const file = path.join(this.#directory, `${name}.json`)
    if (births === undefined) {
      if (existsSync(file)) await this.#files.unlink(file)
      return
    }
    const draft = await this.#files.open(`${file}.new`, 'replace')
    try {
      await writeFully(draft, fromText(toJson(birthsToValue(births))), 0)
      await syncGate.run(() => draft.sync())
    } finally {
      await draft.close()
    }
    await this.#files.rename(`${file}.new`, file)
  }
}
