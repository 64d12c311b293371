import { PipelineError } from '../core/errors.ts'
import type { Segment } from './segment.ts'

const mostNames = 20

/** What could not be read: how many entries, each counted once, and in which files. */
export class Damage {
  readonly #directory: string
  readonly #names = new Set<string>()
  #entries = 0
  #countedTo = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** OUTBOX_DAMAGED, once something was found. */
  get error(): PipelineError | undefined {
    if (this.#entries === 0 && this.#names.size === 0) return undefined
    const files = this.files.join(', ') || 'its files'
    return new PipelineError('OUTBOX_DAMAGED', { entries: this.#entries, files, path: this.#directory })
  }

  get entries(): number {
    return this.#entries
  }

  /** The latest of the files concerned. */
  get files(): readonly string[] {
    return [...this.#names]
  }

  /** The entries `from` to `to` are lost; those before an earlier call's `to` have been counted. */
  lost(segment: Segment, from: number, to: number): void {
    this.#entries += Math.max(0, to - Math.max(from - 1, this.#countedTo))
    this.#countedTo = Math.max(this.#countedTo, to)
    this.found(segment)
  }

  /** As `lost`, where no reader will pass. */
  missing(entries: number, segment?: Segment): void {
    this.#entries += entries
    if (segment) this.found(segment)
  }

  found(segment: Segment): void {
    segment.damaged = true
    this.#names.delete(segment.name)
    this.#names.add(segment.name)
    if (this.#names.size > mostNames) this.#names.delete([...this.#names][0]!)
  }
}
