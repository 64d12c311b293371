import assert from 'node:assert/strict'
import { Outbox, type OutboxOptions } from '../../src/outbox/outbox.ts'
import { segmentHeaderBytes } from '../../src/outbox/segment.ts'
import { directory, never, numberIn, options, payload } from './ledger.ts'
import { SimulatedDisk } from './simulated-disk.ts'

export const frameBytes = 32 + 100
export const perSegment = 10

/** Three segments of ten entries of 100 bytes, and one of five; closed cleanly. */
export async function filled(entries = 35): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(1)
  const outbox = await Outbox.open(small(disk), never)
  for (let number = 1; number <= entries; number++)
    await new Promise<void>((resolve) => outbox.append([payload(number, 100)], () => resolve()))
  await outbox.close(1000)
  assert.equal(disk.files('.seg').length, Math.ceil(entries / perSegment))
  return disk
}

export const small = (disk: SimulatedDisk, some: Partial<OutboxOptions> = {}) =>
  options(disk.layer(), { segmentBytes: segmentHeaderBytes + perSegment * frameBytes, ...some })

interface Read {
  readonly numbers: readonly number[]
  readonly outbox: Outbox
}

/** Opens, takes and confirms everything, closes. */
export async function drain(disk: SimulatedDisk): Promise<Read> {
  const outbox = await Outbox.open(small(disk), never)
  const numbers: number[] = []
  while (outbox.snapshot().entries > 0) {
    const entries = await outbox.take(7, 1e6, AbortSignal.timeout(50))
    numbers.push(...entries.map(numberIn))
    const last = entries.at(-1)
    if (last) outbox.confirm(last.position)
  }
  await new Promise<void>((resolve) => outbox.append([payload(1000)], () => resolve()))
  assert.equal(numberIn((await outbox.take(1, 1, never))[0]!), 1000, 'goes on')
  await outbox.close(1000)
  return { numbers, outbox }
}

export const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)
export const without = (numbers: readonly number[], missing: readonly number[]) =>
  numbers.filter((n) => !missing.includes(n))
export const segment = (number: number) => `${directory}/${String(number).padStart(12, '0')}.seg`

export function changed(disk: SimulatedDisk, file: string, change: (bytes: Buffer) => Buffer): SimulatedDisk {
  const copy = disk.copy(1)
  copy.replace(file, change(copy.content(file)))
  return copy
}
