import assert from 'node:assert/strict'
import type { FileLayer } from '../../src/outbox/files.ts'
import { Outbox, type OutboxEntry, type OutboxOptions } from '../../src/outbox/outbox.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

export const never = new AbortController().signal
export const directory = '/outbox'

export function options(files: FileLayer, some: Partial<OutboxOptions> = {}): OutboxOptions {
  return {
    directory,
    files,
    maxBytes: 1e9,
    maxAgeMs: 0,
    whenFull: 'block',
    retryBackoffMs: 0,
    maxRetryBackoffMs: 1,
    segmentBytes: 2000,
    ...some,
  }
}

/** Opens as a caller does that does not give up. */
export async function openPatiently(some: OutboxOptions, dead = never): Promise<Outbox | undefined> {
  for (let attempt = 1; !dead.aborted; attempt++) {
    try {
      return await Outbox.open(some, dead)
    } catch (error) {
      if (attempt === 100) throw error
    }
  }
  return undefined
}

export const numberIn = (entry: OutboxEntry) => Number(Buffer.from(entry.bytes).toString().split(' ')[0])

export function payload(number: number, bytes = 40): Buffer {
  return Buffer.from(`${number} `.padEnd(bytes, 'x'))
}

/** Small, and in one file. */
export const open = (disk: SimulatedDisk, some: Partial<OutboxOptions> = {}) =>
  Outbox.open(options(disk.layer(), { maxBytes: 20_000, segmentBytes: 1e6, ...some }), never)

/** Resolves with the position when the entry is stored. */
export const stored = (outbox: Outbox, number: number, bytes = 1000) =>
  new Promise<number>((resolve) => outbox.append([payload(number, bytes)], resolve))

/** The numbers of the next entries: from disk they come file by file. */
export async function takeAll(outbox: Outbox, entries: number): Promise<number[]> {
  const numbers: number[] = []
  while (numbers.length < entries) numbers.push(...(await outbox.take(entries, 1e6, never)).map(numberIn))
  return numbers
}

/** Keeps account of an outbox over crashes: what was promised, what came out, and what the taker was done with. */
export class Ledger {
  next = 1
  readonly stored = new Set<number>()
  readonly confirmed = new Set<number>()
  /** Every entry ever handed out, by its id. */
  readonly #known = new Map<string, number>()
  #life: { outbox: Outbox; taken: OutboxEntry[]; last: number; lastNumber: number } | undefined

  /** Entries are handed out from the start again. */
  begin(outbox: Outbox): void {
    this.#life = { outbox, taken: [], last: 0, lastNumber: 0 }
  }

  append(count: number, bytes?: number): void {
    const numbers = Array.from({ length: count }, () => this.next++)
    this.#life!.outbox.append(
      numbers.map((number) => payload(number, bytes)),
      () => {
        for (const number of numbers) this.stored.add(number)
      },
    )
  }

  /** Takes the next entries; checks order and identity. Returns how many came. */
  async take(most: number, signal = never): Promise<number> {
    const life = this.#life!
    const entries = await life.outbox.take(most, 1e9, signal)
    for (const entry of entries) {
      const number = numberIn(entry)
      const id = `${life.outbox.id} ${entry.position}`
      assert.ok(entry.position > life.last, `position ${entry.position} after ${life.last}`)
      assert.ok(number > life.lastNumber, `entry ${number} after ${life.lastNumber}`)
      assert.equal(this.#known.get(id) ?? number, number, `one id for two entries: ${id}`)
      this.#known.set(id, number)
      life.last = entry.position
      life.lastNumber = number
      life.taken.push(entry)
    }
    return entries.length
  }

  /** Confirms the first `count` of what was taken. */
  confirm(count: number): void {
    const life = this.#life!
    const done = life.taken.splice(0, count)
    const last = done.at(-1)
    if (!last) return
    for (const entry of done) this.confirmed.add(numberIn(entry))
    life.outbox.confirm(last.position)
  }

  /** Takes and confirms everything, and checks that nothing that was promised is missing. */
  async drain(): Promise<void> {
    const { outbox } = this.#life!
    while (outbox.snapshot().entries > 0) {
      await this.take(1000, AbortSignal.timeout(5000))
      this.confirm(1000)
    }
    const lost = [...this.stored].filter((number) => !this.confirmed.has(number))
    assert.deepEqual(lost, [], 'stored and never handed out')
  }
}
