import path from 'node:path'
import { setImmediate as immediate } from 'node:timers/promises'
import { PipelineError } from '../../src/core/errors.ts'
import type { FileLayer, OpenFile, OpenMode } from '../../src/outbox/files.ts'
import type { DirectoryLock } from '../../src/outbox/lock.ts'
import { apply, type Change } from './changes.ts'
import { randomFrom } from './random.ts'

export type Call =
  | 'list'
  | 'makeDirectory'
  | 'open'
  | 'openToRead'
  | 'read'
  | 'write'
  | 'truncate'
  | 'size'
  | 'sync'
  | 'close'
  | 'rename'
  | 'unlink'
  | 'syncDirectory'
  | 'lock'

type NameChange = (names: Map<string, Inode>) => void

/** A call of one process: `act` is its effect, and what it gives. */
type Step = <T>(call: Call, file: string, act: () => T) => Promise<T>

class Inode {
  /** What a reader sees, and what a power cut leaves at least. */
  seen: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  pending: Change[] = []
}

class ProcessGone extends Error {}

/**
 * A disk in memory that forgets at a power cut what was not synced: file contents in part (any of the writes, torn or
 * with holes), and names from some point on. A failed sync marks the pages clean, as Linux does: they are seen but
 * never become durable. Calls of a process that was killed fail.
 */
export class SimulatedDisk {
  readonly #random: () => number
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  #nameChanges: NameChange[] = []
  #locked = new Set<string>()
  #process = 0
  calls = 0
  /** The most syncs that ran at the same time. */
  mostSyncs = 0
  #syncs = 0
  /** Asked before every call; an error it returns is what the call fails with. */
  fault: (call: Call, number: number, file: string) => Error | undefined = () => undefined
  /** Called before the call of that number takes effect. */
  at: { readonly call: number; readonly run: () => void } | undefined
  shortWrites = false
  syncMs: (() => Promise<unknown>) | undefined

  constructor(seed: number) {
    this.#random = randomFrom(seed)
  }

  /** The file layer of a process that lives until the next `kill` or `cutPower`. */
  layer(): FileLayer {
    const owner = this.#process
    const step: Step = (call, file, act) => this.#step(call, file, owner, act)
    return {
      makeDirectory: (directory) => step('makeDirectory', directory, () => {}),
      list: (directory) =>
        step('list', directory, () => {
          const inside = [...this.#names.keys()].filter((name) => path.dirname(name) === directory)
          return inside.map((name) => path.basename(name))
        }),
      open: (file, mode) => step(mode === 'read' ? 'openToRead' : 'open', file, () => this.#openFile(file, mode, step)),
      rename: (from, to) => step('rename', from, () => this.#rename(from, to)),
      unlink: (file) =>
        step('unlink', file, () => {
          this.#existing(file)
          this.#change((names) => names.delete(file))
        }),
      syncDirectory: (directory) =>
        this.#sync('syncDirectory', directory, step, () => {
          this.#durableNames = new Map(this.#names)
          this.#nameChanges = []
        }),
      lock: (directory) => step('lock', directory, () => this.#lock(directory)),
    }
  }

  /** kill -9: the process is gone, what it wrote is not. */
  kill(): void {
    this.#process++
    this.#locked.clear()
  }

  /** `scattered`: of what was not synced any part may be left, else all up to some byte. */
  cutPower(scattered = this.#random() < 0.5): void {
    this.kill()
    const kept = Math.floor(this.#random() * (this.#nameChanges.length + 1))
    for (const change of this.#nameChanges.slice(0, kept)) change(this.#durableNames)
    for (const inode of new Set([...this.#names.values(), ...this.#durableNames.values()])) this.#lose(inode, scattered)
    this.#names = new Map(this.#durableNames)
    this.#nameChanges = []
  }

  files(ending = ''): string[] {
    return [...this.#names.keys()].filter((name) => name.endsWith(ending)).sort()
  }

  content(file: string): Buffer {
    return Buffer.from(this.#existing(file).seen)
  }

  /** Puts other bytes in a file, durably. */
  replace(file: string, bytes: Buffer): void {
    const inode = this.#names.get(file) ?? new Inode()
    inode.seen = Buffer.from(bytes)
    inode.durable = Buffer.from(bytes)
    inode.pending = []
    this.#names.set(file, inode)
    this.#durableNames.set(file, inode)
  }

  remove(file: string): void {
    this.#names.delete(file)
    this.#durableNames.delete(file)
  }

  /** A disk with the same files, all of them durable. */
  copy(seed: number): SimulatedDisk {
    const disk = new SimulatedDisk(seed)
    for (const [name, inode] of this.#names) disk.replace(name, inode.seen)
    return disk
  }

  #lose(inode: Inode, scattered: boolean): void {
    let bytes = inode.durable
    const kept = scattered ? inode.pending.length : Math.floor(this.#random() * (inode.pending.length + 1))
    for (const [index, change] of inode.pending.slice(0, kept).entries()) {
      if (scattered && this.#random() < 0.5) continue
      bytes = apply(bytes, scattered || index === kept - 1 ? this.#torn(change, scattered) : change)
    }
    inode.seen = inode.durable = bytes
    inode.pending = []
  }

  #torn(change: Change, scattered: boolean): Change {
    if (!('bytes' in change)) return change
    const bytes = Buffer.from(change.bytes.subarray(0, Math.ceil(this.#random() * change.bytes.length)))
    if (scattered)
      for (let sector = 0; sector < bytes.length; sector += 64)
        if (this.#random() < 0.2) bytes.fill(0, sector, Math.min(sector + 64, bytes.length))
    return { at: change.at, bytes }
  }

  /** The look whether the process still lives and the effect are one moment: nothing comes after the end of a process. */
  async #step<T>(call: Call, file: string, owner: number, act: () => T): Promise<T> {
    await null
    const number = ++this.calls
    if (this.at?.call === number) this.at.run()
    if (owner !== this.#process) throw new ProcessGone()
    const error = this.fault(call, number, file)
    if (error) throw error
    if (owner !== this.#process) throw new ProcessGone()
    return act()
  }

  async #sync(call: 'sync' | 'syncDirectory', file: string, step: Step, act: () => void): Promise<void> {
    this.mostSyncs = Math.max(this.mostSyncs, ++this.#syncs)
    try {
      await (this.syncMs?.() ?? immediate())
      await step(call, file, act)
    } finally {
      this.#syncs--
    }
  }

  #lock(directory: string): DirectoryLock {
    if (this.#locked.has(directory)) throw new PipelineError('OUTBOX_LOCKED', { path: directory, holder: 'a test' })
    this.#locked.add(directory)
    const release = async () => void this.#locked.delete(directory)
    return { lost: new AbortController().signal, release }
  }

  #rename(from: string, to: string): void {
    const inode = this.#existing(from)
    this.#change((names) => {
      names.set(to, inode)
      names.delete(from)
    })
  }

  #change(change: NameChange): void {
    change(this.#names)
    this.#nameChanges.push(change)
  }

  #existing(file: string): Inode {
    const inode = this.#names.get(file)
    if (!inode) throw failure('ENOENT')
    return inode
  }

  #openFile(file: string, mode: OpenMode, step: Step): OpenFile {
    if (mode === 'create' && this.#names.has(file)) throw failure('EEXIST')
    if (!this.#names.has(file)) {
      if (mode === 'read' || mode === 'change') throw failure('ENOENT')
      const inode = new Inode()
      this.#change((names) => names.set(file, inode))
    }
    const inode = this.#existing(file)
    const isNamed = () => [...this.#names.values()].includes(inode)
    const changed = (change: Change) => {
      inode.seen = apply(inode.seen, change)
      inode.pending.push(change)
    }
    if (mode === 'replace') changed({ length: 0 })
    return {
      read: (into, position) => step('read', file, () => inode.seen.copy(into, 0, position)),
      write: (bytes, position) => {
        const length = this.shortWrites ? Math.ceil(this.#random() * bytes.length) : bytes.length
        return step('write', file, () => {
          changed({ at: position, bytes: Buffer.from(bytes.subarray(0, length)) })
          return length
        })
      },
      truncate: (length) => step('truncate', file, () => changed({ length })),
      size: () => step('size', file, () => inode.seen.length),
      isNamed: async () => isNamed(),
      sync: async () => {
        const covered = inode.pending.length
        const keep = () => {
          for (const change of inode.pending.splice(0, covered)) inode.durable = apply(inode.durable, change)
        }
        try {
          await this.#sync('sync', file, step, keep)
        } catch (error) {
          if (!(error instanceof ProcessGone)) inode.pending.splice(0, covered)
          throw error
        }
        if (!isNamed()) throw failure('ENOENT')
      },
      close: () => step('close', file, () => {}),
    }
  }
}

export function failure(code: 'ENOSPC' | 'EIO' | 'ENOENT' | 'EEXIST' | 'EACCES'): Error {
  return Object.assign(new Error(`${code}: simulated`), { code })
}
