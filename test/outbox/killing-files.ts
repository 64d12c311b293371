import { writeSync } from 'node:fs'
import path from 'node:path'
import type { FileLayer, OpenFile, OpenMode } from '../../src/outbox/files.ts'

/** What the outbox does to its files, told apart by what it is for, and how often a short life surely does it. */
export const points = {
  lock: 1,
  probe: 4,
  'sync at start': 1,
  'create segment': 4,
  'write segment head': 4,
  'sync segment head': 4,
  'sync directory after create': 4,
  append: 30,
  fsync: 30,
  'open cursor': 3,
  'write cursor': 3,
  'sync cursor': 3,
  'rename cursor': 3,
  'sync directory after rename': 3,
  'delete segment': 6,
  'sync directory after unlink': 3,
} as const
export type Point = keyof typeof points

/** `within`: half of the bytes are written, or the call has been handed to the system and has not answered. */
export const phases = ['before', 'within', 'after'] as const

/** Where a process kills itself: at its operation of that kind and number, counted from 1. */
export interface Strike {
  readonly point: Point
  readonly phase: (typeof phases)[number]
  readonly number: number
}

/** Runs the operation, or dies at it. Half an operation is the whole one, cut short by the kill, where none is given. */
type At = <T>(point: Point | undefined, operation: () => Promise<T>, half?: () => Promise<unknown>) => Promise<T>

/** A file layer that ends its own process with SIGKILL at the strike, and says so on stdout at that moment. */
export function killingFiles(files: FileLayer, strike: Strike): FileLayer {
  let left = strike.number
  let latest: 'create' | 'rename' | 'unlink' | undefined
  const at: At = async (point, operation, half) => {
    const phase = point === strike.point && --left === 0 ? strike.phase : undefined
    if (phase === 'before') die(strike)
    if (phase === 'within') {
      if (half) await half()
      else void operation()
      doze(Math.random() * 0.3)
      die(strike)
    }
    const result = await operation()
    if (phase === 'after') die(strike)
    return result
  }
  return {
    makeDirectory: (directory) => files.makeDirectory(directory),
    list: (directory) => files.list(directory),
    open: async (name, mode) => {
      if (mode === 'create') latest = 'create'
      return killingFile(await at(openPoint(name, mode), () => files.open(name, mode)), name, mode, at)
    },
    rename: (from, to) => {
      latest = 'rename'
      return at(isCursor(from) ? 'rename cursor' : undefined, () => files.rename(from, to))
    },
    unlink: (name) => {
      if (isSegment(name)) latest = 'unlink'
      return at(isSegment(name) ? 'delete segment' : 'probe', () => files.unlink(name))
    },
    syncDirectory: (directory) => at(latest && `sync directory after ${latest}`, () => files.syncDirectory(directory)),
    lock: (directory, signal, onHeld) => at('lock', () => files.lock(directory, signal, onHeld)),
  }
}

function killingFile(file: OpenFile, name: string, mode: OpenMode, at: At): OpenFile {
  let synced = mode !== 'create'
  const writePoint = (position: number): Point => {
    if (!isSegment(name)) return isCursor(name) ? 'write cursor' : 'probe'
    return position === 0 ? 'write segment head' : 'append'
  }
  const syncPoint = (): Point => {
    if (!isSegment(name)) return isCursor(name) ? 'sync cursor' : 'probe'
    if (mode === 'change') return 'sync at start'
    return synced ? 'fsync' : 'sync segment head'
  }
  return {
    read: (into, position) => file.read(into, position),
    write: (bytes, position) => {
      const half = () => file.write(bytes.subarray(0, bytes.length >> 1), position)
      return at(writePoint(position), () => file.write(bytes, position), half)
    },
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    isNamed: () => file.isNamed(),
    sync: async () => {
      await at(syncPoint(), () => file.sync())
      synced = true
    },
    close: () => file.close(),
  }
}

function openPoint(name: string, mode: OpenMode): Point | undefined {
  if (mode === 'create') return 'create segment'
  if (mode === 'replace') return isCursor(name) ? 'open cursor' : 'probe'
  return undefined
}

const isSegment = (name: string) => name.endsWith('.seg')
const isCursor = (name: string) => path.basename(name).startsWith('cursor')

/** Keeps the event loop, and lets the threads work on. */
function doze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function die({ point, phase }: Strike): never {
  writeSync(1, `died ${phase} ${point}\n`)
  process.kill(process.pid, 'SIGKILL')
  for (;;);
}
