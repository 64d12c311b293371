/**
 * What the outbox costs on this disk: `node bench/outbox.ts [directory]` (a temporary one by default).
 * Each line keeps so many 1 KB entries outstanding: as soon as one is stored, another is appended.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Outbox } from '../src/outbox/outbox.ts'

const never = new AbortController().signal
const parent = process.argv[2] ?? os.tmpdir()
const payload = Buffer.alloc(1024, 'r')
const runMs = 3000

function openIn(directory: string): Promise<Outbox> {
  const limits = { maxBytes: 8e9, maxAgeMs: 0, whenFull: 'block' as const }
  return Outbox.open({ directory, ...limits, retryBackoffMs: 100, maxRetryBackoffMs: 5000 }, never)
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(parent, 'rowline-bench-'))
  try {
    await work(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Entries per second, with or without somebody who takes and confirms them from memory. */
async function append(outstanding: number, forwarding: boolean): Promise<void> {
  await inDirectory(async (directory) => {
    const outbox = await openIn(directory)
    let stored = 0
    const started = performance.now()
    const cpu = process.cpuUsage()
    const forwarded = forwarding ? forward(outbox) : undefined
    const finished = new Promise<void>((resolve) => {
      let open = outstanding
      const next = () => {
        stored++
        if (performance.now() - started < runMs) outbox.append([payload], next)
        else if (--open === 0) resolve()
      }
      for (let i = 0; i < outstanding; i++) outbox.append([payload], next)
    })
    await finished
    const seconds = (performance.now() - started) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const { syncMsP50 = 0, syncMsP99 = 0 } = outbox.snapshot()
    await outbox.close(10_000)
    await forwarded
    const name = `append, ${outstanding} outstanding${forwarding ? ', taken and confirmed' : ''}`
    print(
      name,
      stored / seconds,
      (user + system) / stored,
      `fdatasync p50 ${syncMsP50.toFixed(2)} ms, p99 ${syncMsP99.toFixed(2)} ms`,
    )
  })
}

async function forward(outbox: Outbox): Promise<void> {
  for (;;) {
    const entries = await outbox.take(500, 1e6, never)
    const last = entries.at(-1)
    if (!last) return
    outbox.confirm(last.position)
  }
}

/** Entries per second read back after a restart. */
async function replay(entries: number): Promise<void> {
  await inDirectory(async (directory) => {
    const writing = await openIn(directory)
    for (let done = 0; done < entries; done += 1000)
      await new Promise<void>((resolve) => writing.append(Array(1000).fill(payload), () => resolve()))
    await writing.close(10_000)
    const opened = performance.now()
    const outbox = await openIn(directory)
    const started = performance.now()
    const cpu = process.cpuUsage()
    for (let done = 0; done < entries; ) {
      const taken = await outbox.take(500, 1e6, never)
      done += taken.length
      outbox.confirm(taken.at(-1)!.position)
    }
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (performance.now() - started) / 1000
    await outbox.close(10_000)
    print(
      `replay of ${entries} from disk`,
      entries / seconds,
      (user + system) / entries,
      `open ${(started - opened).toFixed(0)} ms`,
    )
  })
}

function print(name: string, rate: number, cpuUs: number, note: string): void {
  const perSecond = Math.round(rate).toLocaleString('en')
  console.log(`${name.padEnd(46)} ${perSecond.padStart(9)}/s ${cpuUs.toFixed(2).padStart(8)} us CPU  ${note}`)
}

for (const outstanding of [1, 100, 1000]) await append(outstanding, false)
await append(1000, true)
await replay(300_000)
