import { randomUUID } from 'node:crypto'
import fs from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { PipelineError } from '../core/errors.ts'
import { pause } from '../core/retry.ts'

export interface DirectoryLock {
  /** Aborted when the lock is no longer ours, for instance after the machine slept and another process took it. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

/** A process as another one can recognise it. Start time and space tell a process from a later one with its number. */
interface Holder {
  readonly pid: number
  readonly host: string
  /** Boot and process-number namespace; empty where the system does not tell. */
  readonly space: string
  readonly started: string
}

export interface LockTimes {
  readonly beatMs: number
  /** A holder that cannot be looked at is gone when it has not touched its lock for so long. */
  readonly staleMs: number
}

const defaultTimes: LockTimes = { beatMs: 10_000, staleMs: 30_000 }

/**
 * Takes the lock file of a directory. A holder on this machine is checked by process number and start time, so a lock
 * left by `kill -9` falls at once; any other (a container that is gone, a shared disk) by its heartbeat, after `onHeld`
 * was told so.
 * Throws OUTBOX_LOCKED, or what the file system says.
 */
export async function lockDirectory(
  directory: string,
  signal: AbortSignal,
  times = defaultTimes,
  onHeld: (error: PipelineError) => void = () => {},
): Promise<DirectoryLock> {
  const file = path.join(directory, 'lock')
  const self = await describeSelf()
  for (;;) {
    signal.throwIfAborted()
    const created = await createNew(file, JSON.stringify({ ...self, token: randomUUID() }))
    const found = await look(file)
    if (!found) continue
    if (created) return new FileLock(file, found.identity, times.beatMs)
    const seconds = Math.ceil(times.staleMs / 1000)
    const held = () =>
      onHeld(new PipelineError('OUTBOX_HELD', { path: directory, holder: nameOf(found.holder), seconds }))
    if (!(await isGone(file, found, self, { staleMs: times.staleMs, held, signal })))
      throw new PipelineError('OUTBOX_LOCKED', { path: directory, holder: nameOf(found.holder) })
    await removeStale(file, found.identity, times.staleMs, signal)
  }
}

/** False when the file exists. On a full disk it stays empty and is still exclusive; others then go by its heartbeat. */
async function createNew(file: string, text: string): Promise<boolean> {
  const handle = await fs.open(file, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined
    throw error
  })
  await handle?.writeFile(text).catch(() => {})
  await handle?.close()
  return handle !== undefined
}

interface Found {
  readonly holder: Holder | undefined
  /** Tells this lock from a later one; inode numbers alone are used again. */
  readonly identity: string
  readonly touchedAt: number
}

async function look(file: string): Promise<Found | undefined> {
  try {
    const { ino, mtimeMs } = await fs.stat(file)
    const text = await fs.readFile(file, 'utf8')
    return { holder: parseHolder(text), identity: `${ino} ${text}`, touchedAt: mtimeMs }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function isGone(
  file: string,
  found: Found,
  self: Holder,
  { staleMs, held, signal }: { readonly staleMs: number; readonly held: () => void; readonly signal: AbortSignal },
): Promise<boolean> {
  const { holder } = found
  if (holder && holder.space === self.space && holder.host === self.host) {
    if (self.space !== '') return (await startOf(holder.pid)) !== holder.started
    if (!exists(holder.pid)) return true
  }
  const restMs = found.touchedAt + staleMs - Date.now()
  if (restMs > 0) {
    held()
    await pause(Math.min(restMs, staleMs), signal)
  }
  signal.throwIfAborted()
  const now = await look(file)
  return now?.identity === found.identity && now.touchedAt === found.touchedAt
}

/** Only one process at a time may remove a stale lock, else it might remove the one that another has just taken. */
async function removeStale(file: string, identity: string, staleMs: number, signal: AbortSignal): Promise<void> {
  const turn = `${file}.turn`
  if (await createNew(turn, '')) {
    try {
      if ((await look(file))?.identity === identity) await fs.unlink(file)
    } finally {
      await fs.unlink(turn)
    }
    return
  }
  const other = await look(turn)
  if (other && Date.now() - other.touchedAt > staleMs) await fs.unlink(turn).catch(() => {})
  else await pause(10, signal)
}

class FileLock implements DirectoryLock {
  readonly #file: string
  readonly #identity: string
  readonly #lost = new AbortController()
  readonly #beat: NodeJS.Timeout
  constructor(file: string, identity: string, beatMs: number) {
    this.#file = file
    this.#identity = identity
    this.#beat = setInterval(() => this.#touch().catch(() => {}), beatMs).unref()
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async release(): Promise<void> {
    clearInterval(this.#beat)
    if ((await look(this.#file))?.identity === this.#identity) await fs.unlink(this.#file)
  }

  async #touch(): Promise<void> {
    if ((await look(this.#file))?.identity === this.#identity) return fs.utimes(this.#file, new Date(), new Date())
    clearInterval(this.#beat)
    this.#lost.abort()
  }
}

async function describeSelf(): Promise<Holder> {
  const [boot, namespace] = await Promise.all([
    fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    fs.readlink('/proc/self/ns/pid').catch(() => ''),
  ])
  const space = boot && namespace ? `${boot.trim()} ${namespace}` : ''
  return { pid: process.pid, host: hostname(), space, started: (await startOf(process.pid)) ?? '' }
}

/** When a process started, in the kernel's ticks; undefined when there is none or it only waits to be reaped. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host, space, started } = JSON.parse(text) as Partial<Holder>
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined
    return { pid, host, space: space ?? '', started: started ?? '' }
  } catch {
    return undefined
  }
}

function nameOf(holder: Holder | undefined): string {
  if (!holder) return 'unknown'
  if (holder.pid === process.pid && holder.host === hostname()) return 'another node of this Node-RED'
  return `process ${holder.pid} on ${holder.host}`
}
