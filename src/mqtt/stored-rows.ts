import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { messageOf, PipelineError } from '../core/errors.ts'
import type { Subscription } from './config.ts'
import { nameOf, readRow } from './control-message.ts'

/**
 * Subscriptions made by message, in a file: they are a part of the session at the broker, which outlives this process,
 * and so have to be known before its first message comes.
 */
export class StoredRows {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /** Empty where there is no file. Throws SUBSCRIPTIONS_UNREADABLE: to forget them would lose messages. */
  read(): readonly Subscription[] {
    try {
      return (JSON.parse(readFileSync(this.#file, 'utf8')) as readonly unknown[]).map(readRow)
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return []
      throw new PipelineError('SUBSCRIPTIONS_UNREADABLE', { path: this.#file, problem: messageOf(error) }, error)
    }
  }

  /** On the disk when it returns. Throws FILE_FAILED; what was there before stays then. */
  write(rows: readonly Subscription[]): void {
    const directory = path.dirname(this.#file)
    try {
      mkdirSync(directory, { recursive: true })
      writeFileSync(`${this.#file}.new`, JSON.stringify(rows.map(nameOf)), { flush: true })
      renameSync(`${this.#file}.new`, this.#file)
      syncDirectory(directory)
    } catch (error) {
      throw new PipelineError('FILE_FAILED', { path: this.#file, problem: messageOf(error) }, error)
    }
  }

  /** Says whether there were any. Throws FILE_FAILED. */
  remove(): boolean {
    if (!existsSync(this.#file)) return false
    try {
      rmSync(this.#file)
      return true
    } catch (error) {
      throw new PipelineError('FILE_FAILED', { path: this.#file, problem: messageOf(error) }, error)
    }
  }
}

/** Windows has no such call. */
function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
