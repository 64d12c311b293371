import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A child process that cannot outlive this one. */
export interface Running extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** The newest part (256 KiB) of what it wrote to stdout and stderr. */
  output(): string
  /** Resolves when it has ended, never rejects. */
  readonly exited: Promise<Exit>
  isRunning(): boolean
  signal(signal: NodeJS.Signals): void
  /** Resolves when `pattern` is in the output, rejects with the output when the process ends or time runs out. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<void>
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it has ended; may be called twice. */
  stop(graceMs?: number): Promise<Exit>
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<Exit>
}

export interface StartOptions {
  readonly name?: string
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: { readonly [name: string]: string }
}

const keptBytes = 2 << 20
const shownLines = 40
const running = new Set<{ readonly name: string; readonly child: ChildProcess; readonly output: () => string }>()
const directories = new Set<string>()
const setpriv = '/usr/bin/setpriv'

/**
 * Starts `command` with stdin closed and no descriptor of ours but its two output pipes. The kernel ends it together
 * with this process however that ends (`setpriv --pdeathsig` replaces itself by the command, so the pid is the
 * command's). When this process exits with a failure, the end of the output goes to stderr.
 */
export function startProcess(command: string, args: readonly string[], options: StartOptions = {}): Running {
  const bound = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--', command, ...args] : [command, ...args]
  const child = spawn(bound[0]!, bound.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const name = options.name ?? command
  const output = keepOutput(child)
  const entry = { name, child, output }
  running.add(entry)
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  exited.then(({ code }) => code === 0 && running.delete(entry))
  return describe(name, child, output, exited)
}

function keepOutput(child: ChildProcess): () => string {
  let kept = ''
  const keep = (chunk: string) => {
    kept += chunk
    if (kept.length > 2 * keptBytes) kept = kept.slice(-keptBytes)
  }
  child.once('error', (error) => keep(`${error.message}\n`))
  child.stdout?.setEncoding('utf8').on('data', keep)
  child.stderr?.setEncoding('utf8').on('data', keep)
  return () => kept.slice(-keptBytes)
}

function describe(name: string, child: ChildProcess, output: () => string, exited: Promise<Exit>): Running {
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const end = async (signal: NodeJS.Signals) => {
    if (isRunning()) child.kill(signal)
    return await exited
  }
  const stop = async (graceMs = 10_000) => {
    const patience = setTimeout(() => child.kill('SIGKILL'), graceMs)
    return await end('SIGTERM').finally(() => clearTimeout(patience))
  }
  const waitFor = async (pattern: RegExp, timeoutMs = 30_000) => {
    await until(() => pattern.test(output()) || !isRunning(), {
      timeoutMs,
      what: `${name} to print ${pattern}`,
      output,
    })
    if (!pattern.test(output())) throw new Error(`${name} ended before it printed ${pattern}:\n${output()}`)
  }
  const signal = (signal: NodeJS.Signals) => void child.kill(signal)
  const kill = () => end('SIGKILL')
  const dispose = async () => void (await kill())
  const pid = child.pid ?? -1
  return { name, pid, output, exited, isRunning, signal, waitFor, stop, kill, [Symbol.asyncDispose]: dispose }
}

process.once('exit', (code) => {
  for (const { name, child, output } of running) {
    if (code !== 0)
      process.stderr.write(`--- ${name} (last lines)\n${output().split('\n').slice(-shownLines).join('\n')}\n`)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
})

const run = promisify(execFile)

export interface CommandOptions extends StartOptions {
  /** After which it is killed, and has failed. */
  readonly timeoutMs?: number
}

/** Runs a command to its end and gives its stdout; a failure says what it printed. */
export async function runCommand(
  command: string,
  args: readonly string[],
  { name = command, cwd, env, timeoutMs = 0 }: CommandOptions = {},
): Promise<string> {
  const settings = {
    env: { ...process.env, ...env },
    maxBuffer: 64 << 20,
    timeout: timeoutMs,
    killSignal: 'SIGKILL' as const,
    ...(cwd && { cwd }),
  }
  try {
    return (await run(command, [...args], settings)).stdout
  } catch (error) {
    const { stdout = '', stderr = '', killed } = error as { stdout?: string; stderr?: string; killed?: boolean }
    const reason = killed ? `it has not ended within ${timeoutMs} ms` : String(error)
    throw new Error(`${name} failed: ${reason}\n${stdout}${stderr}`)
  }
}

export interface UntilOptions {
  readonly timeoutMs?: number
  readonly intervalMs?: number
  /** What is waited for, as it reads after "Waited 5000 ms in vain for". */
  readonly what: string
  /** Shown below the message when time runs out. */
  readonly output?: () => string
  readonly signal?: AbortSignal
}

/** Asks until `condition` gives something truthy, and gives that. What the condition throws ends the wait. */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions): Promise<T> {
  const { timeoutMs = 30_000, intervalMs = 20, what, output, signal } = options
  const end = performance.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (performance.now() > end) {
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}${output ? `\n${output()}` : ''}`)
    }
    await wait(intervalMs, undefined, signal ? { signal } : {})
  }
}

/** A free TCP port on 127.0.0.1 below the range from which the kernel takes the ports of outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** A new directory, removed when this process exits. */
export function temporaryDirectory(purpose: string): string {
  const directory = mkdtempSync(join(tmpdir(), `rowline-${purpose}-`))
  directories.add(directory)
  return directory
}

/** Where `program` is, looking in PATH and the administrator's directories; names the Debian package if nowhere. */
export function findProgram(program: string, debianPackage: string): string {
  const places = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/bin',
    '/usr/local/go/bin',
  ]
  const found = places.map((place) => join(place, program)).find(existsSync)
  if (found === undefined) {
    throw new Error(
      `${program} is not installed. Install the Debian package ${debianPackage} (apt-get install ${debianPackage}).`,
    )
  }
  return found
}
