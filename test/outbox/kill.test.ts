import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Outbox } from '../../src/outbox/outbox.ts'
import { never, numberIn } from './ledger.ts'

const kills = Number(process.env.OUTBOX_KILLS ?? 25)
const appender = path.join(import.meta.dirname, 'appender.ts')

interface Life {
  readonly stored: number
  readonly confirmed: number
}

/** A process that appends from `first` on, killed after `ms` of work. */
async function live(directory: string, first: number, ms: number): Promise<Life> {
  const child = spawn(process.execPath, [appender, directory, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  const started = once(child.stdout, 'data')
  child.stdout.on('data', (chunk) => (output += chunk))
  await Promise.race([started, once(child, 'exit')])
  await pause(ms)
  child.kill('SIGKILL')
  await once(child, 'close')
  const latest = (kind: string) => Number(output.match(new RegExp(`(?<=^${kind} )\\d+$`, 'gm'))?.at(-1) ?? 0)
  assert.notEqual(output, '', 'it worked')
  return { stored: latest('s'), confirmed: latest('c') }
}

test(`after each of ${kills} kill -9 the next process goes on at once, and nothing stored is missing`, async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'rowline-kill-'))
  try {
    let stored = 0
    let confirmed = 0
    let handedOut = 0
    for (let life = 0; life < kills; life++) {
      const next = await live(directory, Math.max(stored, handedOut, confirmed) + 1, Math.random() * 60)
      stored = Math.max(stored, next.stored)
      confirmed = Math.max(confirmed, next.confirmed)
      handedOut = await check(directory, stored, confirmed)
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
})

/** Everything stored and not confirmed must come, in order; the highest number that is there. */
async function check(directory: string, stored: number, confirmed: number): Promise<number> {
  const limits = { maxBytes: 1e9, maxAgeMs: 0, whenFull: 'block', retryBackoffMs: 1, maxRetryBackoffMs: 5 } as const
  const outbox = await Outbox.open({ directory, ...limits }, never)
  let last = 0
  for (let { entries } = outbox.snapshot(); entries > 0; ) {
    const taken = await outbox.take(1000, 1e6, never)
    entries -= taken.length
    for (const number of taken.map(numberIn)) {
      assert.ok(last === 0 ? number <= confirmed + 1 : number > last, `${number} after ${last}, confirmed ${confirmed}`)
      // Numbers that a killed process never stored are missing between its last one and the next process's first.
      last = number
    }
  }
  assert.ok(last >= stored || stored <= confirmed, `stored ${stored}, found ${last}`)
  assert.equal(outbox.snapshot().damagedEntries, 0)
  assert.equal(outbox.snapshot().error, undefined)
  await outbox.close(1000)
  return last
}
