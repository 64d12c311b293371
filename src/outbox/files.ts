import fs from 'node:fs'
import path from 'node:path'
import { syncNames } from '../core/durable.ts'
import type { PipelineError } from '../core/errors.ts'
import type { DirectoryLock } from './lock.ts'
import { lockDirectory } from './lock.ts'

/** `create` fails when the file exists, `replace` empties it, `change` and `read` need it to exist. */
export type OpenMode = 'create' | 'replace' | 'change' | 'read'

/** One open file. Every call may fail with the code of the operating system (`ENOSPC`, `EIO`, …). */
export interface OpenFile {
  /** Resolves to the bytes read, fewer than asked for where the file or a readable stretch ends, 0 at its end. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Resolves to the bytes written, which may be fewer than given. */
  write(bytes: Uint8Array, position: number): Promise<number>
  truncate(bytes: number): Promise<void>
  size(): Promise<number>
  /** False when somebody has deleted it: another file may have its name now. */
  isNamed(): Promise<boolean>
  /** fdatasync: what was written, and the size needed to read it, survive a power cut. Fails when the file is deleted. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** All that the outbox asks of a file system, so that a test can put a failing one underneath. */
export interface FileLayer {
  /** Creates the directory and its parents, and makes their names survive a power cut. */
  makeDirectory(directory: string): Promise<void>
  list(directory: string): Promise<readonly string[]>
  open(file: string, mode: OpenMode): Promise<OpenFile>
  rename(from: string, to: string): Promise<void>
  unlink(file: string): Promise<void>
  /** Names created, renamed and removed in the directory so far survive a power cut. */
  syncDirectory(directory: string): Promise<void>
  lock(directory: string, signal: AbortSignal, onHeld?: (error: PipelineError) => void): Promise<DirectoryLock>
}

const flags: { readonly [mode in OpenMode]: string } = { create: 'wx+', replace: 'w+', change: 'r+', read: 'r' }

export const nodeFiles: FileLayer = {
  async makeDirectory(directory) {
    const first = await fs.promises.mkdir(directory, { recursive: true })
    if (first === undefined) return
    for (let made = path.resolve(directory); made.length >= first.length; made = path.dirname(made))
      await this.syncDirectory(path.dirname(made))
  },
  list: (directory) => fs.promises.readdir(directory),
  open: (file, mode) =>
    new Promise((resolve, reject) =>
      fs.open(file, flags[mode], (error, fd) => (error ? reject(error) : resolve(new NodeFile(fd)))),
    ),
  rename: (from, to) => fs.promises.rename(from, to),
  unlink: (file) => fs.promises.unlink(file),
  syncDirectory: syncNames,
  lock: (directory, signal, onHeld) => lockDirectory(directory, signal, undefined, onHeld),
}

/** The callback functions cost a third of what a FileHandle costs per call. */
class NodeFile implements OpenFile {
  readonly #fd: number
  constructor(fd: number) {
    this.#fd = fd
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.read(this.#fd, into, 0, into.length, position, (error, bytes) => (error ? reject(error) : resolve(bytes))),
    )
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.write(this.#fd, bytes, 0, bytes.length, position, (error, written) =>
        error ? reject(error) : resolve(written),
      ),
    )
  }

  truncate(bytes: number): Promise<void> {
    return called((done) => fs.ftruncate(this.#fd, bytes, done))
  }

  async size(): Promise<number> {
    return (await this.#stat()).size
  }

  async isNamed(): Promise<boolean> {
    return (await this.#stat()).nlink > 0
  }

  async sync(): Promise<void> {
    await called((done) => fs.fdatasync(this.#fd, done))
    if (!(await this.isNamed())) throw new Error('somebody has deleted the file that is written to')
  }

  close(): Promise<void> {
    return called((done) => fs.close(this.#fd, done))
  }

  #stat(): Promise<fs.Stats> {
    return new Promise((resolve, reject) =>
      fs.fstat(this.#fd, (error, stats) => (error ? reject(error) : resolve(stats))),
    )
  }
}

function called(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())))
}

/** Writes to the last byte, however few the system takes at a time. */
export async function writeFully(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const written = await file.write(done === 0 ? bytes : bytes.subarray(done), position + done)
    if (written === 0) throw new Error('the disk takes no more bytes')
    done += written
  }
}

export interface ReadUpTo {
  readonly bytes: number
  /** The file has no more. */
  readonly ended: boolean
  /** Why reading stopped early. */
  readonly error: unknown
}

/** Reads until `into` is full, the file ends or a stretch cannot be read; keeps what came before. */
export async function readUpTo(file: OpenFile, into: Uint8Array, position: number): Promise<ReadUpTo> {
  let bytes = 0
  try {
    while (bytes < into.length) {
      const got = await file.read(into.subarray(bytes), position + bytes)
      if (got === 0) return { bytes, ended: true, error: undefined }
      bytes += got
    }
    return { bytes, ended: false, error: undefined }
  } catch (error) {
    return { bytes, ended: false, error }
  }
}
