import { constants } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { makeDirectory, syncData, syncDirectory } from '../../core/durable.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { Range } from './positions.ts'

/** An append that is about to be sent, with everything that is needed to send the very same again. */
export interface Intent {
  readonly stream: string
  readonly offset: number
  readonly descriptor: Buffer
  readonly rows: readonly Buffer[]
  /** The outbox that gave the rows, and their positions in it. */
  readonly outbox: string
  readonly positions: readonly number[]
  /** Positions of that outbox that are stored for sure. */
  readonly stored: readonly Range[]
}

const slots = ['intent-a', 'intent-b'] as const
const magic = 0x52_57_4c_31

/**
 * The last intent, which survives a power cut. Written to two files by turns, so that a write that is torn leaves the
 * one before: nothing was sent then that is not in it. `former` is where versions before this one had it: read once,
 * and removed as soon as the new place has one, or an older copy of the new place would be read with it.
 */
export class IntentFile {
  readonly #directory: string
  #former: string | undefined
  #sequence = 0

  constructor(directory: string, former?: string) {
    this.#directory = directory
    this.#former = former
  }

  /** Undefined where there is none. Rejects with FILE_FAILED. */
  read(): Promise<Intent | undefined> {
    return this.#named(async () => {
      const last = await newestIn(this.#directory)
      this.#sequence = last?.sequence ?? 0
      if (last) await this.#removeFormer()
      else if (this.#former !== undefined) return (await newestIn(this.#former))?.intent
      return last?.intent
    })
  }

  /** Resolves when it survives a power cut. Rejects with FILE_FAILED. */
  write(intent: Intent): Promise<void> {
    return this.#named(async () => {
      const sequence = this.#sequence + 1
      const isNew = sequence <= slots.length
      if (isNew) await makeDirectory(this.#directory)
      const slot = path.join(this.#directory, slots[sequence % slots.length]!)
      const file = await open(slot, constants.O_RDWR | constants.O_CREAT)
      try {
        await writeFully(file, encode(sequence, intent))
        await syncData(file)
      } finally {
        await file.close()
      }
      if (isNew) await syncDirectory(this.#directory)
      // After a failure the same file is written again: the other one may be the last that is whole.
      this.#sequence = sequence
      await this.#removeFormer()
    })
  }

  async #removeFormer(): Promise<void> {
    if (this.#former !== undefined) await rm(this.#former, { recursive: true, force: true })
    this.#former = undefined
  }

  async #named<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw new PipelineError('FILE_FAILED', { path: this.#directory, problem: messageOf(error) }, error)
    }
  }
}

async function newestIn(directory: string) {
  const found = await Promise.all(slots.map((slot) => readSlot(path.join(directory, slot))))
  return found.filter((one) => one !== undefined).sort((a, b) => b.sequence - a.sequence)[0]
}

async function readSlot(slot: string) {
  try {
    const file = await open(slot, 'r')
    try {
      return decode(await file.readFile())
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function writeFully(file: Awaited<ReturnType<typeof open>>, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten
}

/** Magic, sum of the rest, its length; sequence and all but the rows as JSON, its length before it; descriptor, rows. */
const head = 12

function encode(sequence: number, { descriptor, rows, ...rest }: Intent): Buffer {
  const lengths = rows.map(({ length }) => length)
  const text = Buffer.from(JSON.stringify({ ...rest, sequence, lengths, descriptorLength: descriptor.length }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  const body = Buffer.concat([length, text, descriptor, ...rows])
  const front = Buffer.alloc(head)
  front.writeUInt32BE(magic, 0)
  front.writeUInt32BE(crc32(body), 4)
  front.writeUInt32BE(body.length, 8)
  return Buffer.concat([front, body])
}

interface Written extends Omit<Intent, 'descriptor' | 'rows'> {
  readonly sequence: number
  readonly lengths: readonly number[]
  readonly descriptorLength: number
}

/** Undefined where a write was cut off. What is behind the intent belongs to a longer one before it. */
function decode(bytes: Buffer): { readonly sequence: number; readonly intent: Intent } | undefined {
  if (bytes.length < head || bytes.readUInt32BE(0) !== magic) return undefined
  const end = head + bytes.readUInt32BE(8)
  const body = bytes.subarray(head, end)
  if (bytes.length < end || crc32(body) !== bytes.readUInt32BE(4)) return undefined
  let at = 4 + body.readUInt32BE(0)
  const { sequence, lengths, descriptorLength, ...rest } = JSON.parse(body.toString('utf8', 4, at)) as Written
  const next = (length: number) => {
    at += length
    return body.subarray(at - length, at)
  }
  return { sequence, intent: { ...rest, descriptor: next(descriptorLength), rows: lengths.map(next) } }
}
