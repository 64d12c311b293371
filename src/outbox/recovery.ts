import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { syncGate } from '../core/sync-gate.ts'
import { type Cursor, readCursor, writeCursor } from './cursor.ts'
import type { Damage } from './damage.ts'
import type { FileLayer } from './files.ts'
import { readUpTo } from './files.ts'
import { frameHeaderBytes, type OutboxEntry } from './frame.ts'
import { type Patience, patiently } from './patience.ts'
import { decodeHeader, type Segment, type SegmentHeader, segmentHeaderBytes, segmentNumber } from './segment.ts'
import { SegmentReader } from './segment-reader.ts'

export interface Recovered {
  readonly id: string
  /** Oldest first. */
  readonly segments: Segment[]
  /** Everything up to here is done. */
  readonly confirmed: number
  /** The position of the next entry to be stored. */
  readonly next: number
  /** Left at the end by a write that was interrupted, or by damage there. */
  readonly cutBytes: number
}

interface Found {
  readonly number: number
  readonly name: string
  readonly header: SegmentHeader | undefined
  /** Undefined when the file cannot even be opened. */
  readonly bytes: number | undefined
}

interface Scan {
  readonly first: number | undefined
  readonly last: number | undefined
  readonly newestAt: number | undefined
  readonly validEnd: number
}

const ignore = () => {}

/** The crc of every frame starts from here. */
export function seedOf(id: string): number {
  return crc32(id)
}

/**
 * What a directory holds, without changing a byte of an entry. How far a segment goes is told by the head of the next one;
 * only the newest is read through, and synced before anything of it may be handed out. A cursor that does not fit
 * is ignored: entries are then handed out again, never left out.
 */
export async function recover(
  files: FileLayer,
  directory: string,
  damage: Damage,
  patience: Patience,
): Promise<Recovered> {
  const found = await survey(files, directory, patience)
  const newestHeader = found.findLast(({ header }) => header)?.header
  const stale = await readCursor(files, directory)
  const id = newestHeader?.id ?? stale?.id ?? randomBytes(8).toString('hex')
  const cursor = stale?.id === id ? stale : undefined
  const scan = (file: Found) =>
    scanSegment(files, path.join(directory, file.name), file.bytes ?? 0, seedOf(id), patience)
  const segments = await describe(found, id, cursor, scan)
  for (const segment of segments) if (segment.damaged) damage.found(segment)
  const newest = segments.at(-1)
  if (!newest) return nothingStored(id, cursor, damage)
  const tail = await scan(found.at(-1)!)
  newest.last = Math.max(tail.last ?? 0, newest.first - 1)
  newest.newestAt = tail.newestAt ?? newest.newestAt
  const cutBytes = newest.bytes - tail.validEnd
  newest.bytes = tail.validEnd
  await syncNewest(files, directory, newest)
  const confirmed = Math.max(cursor && cursor.position <= newest.last ? cursor.position : 0, segments[0]!.previous)
  const last = cursor?.last ?? 0
  if (last > newest.last) damage.missing(last - newest.last, newest)
  // A disk that has failed a sync may show what it will forget, and say that it has synced it now: what is handed out
  // under these positions must not be followed by something else under the same.
  if (last < newest.last)
    await writeCursor(files, directory, { id, position: confirmed, last: newest.last }).catch(ignore)
  // Had the bytes cut off been entries that were already handed out, their positions must not be given again.
  const spared = Math.floor(cutBytes / frameHeaderBytes)
  return {
    id,
    segments,
    confirmed,
    next: Math.max(newest.last, last) + spared + 1,
    cutBytes,
  }
}

function nothingStored(id: string, cursor: Cursor | undefined, damage: Damage): Recovered {
  const { position, last } = cursor ?? { position: 0, last: 0 }
  if (last > position) damage.missing(last - position)
  return { id, segments: [], confirmed: last, next: last + 1, cutBytes: 0 }
}

/**
 * The segment files in order, without those whose creation was interrupted: nothing can be in them. The oldest of
 * several was in use: if it is empty, somebody has emptied it.
 */
async function survey(files: FileLayer, directory: string, patience: Patience): Promise<Found[]> {
  const found: Found[] = []
  const names = (await files.list(directory)).filter((name) => segmentNumber(name) !== undefined).sort()
  for (const name of names) {
    const file = path.join(directory, name)
    const head = await patiently(() => readHead(files, file), patience)
    const isOldest = name === names[0] && names.length > 1
    if (head && !head.header && head.bytes <= segmentHeaderBytes && !isOldest) await files.unlink(file).catch(() => {})
    else found.push({ number: segmentNumber(name)!, name, header: head?.header, bytes: head?.bytes })
  }
  return found
}

async function readHead(files: FileLayer, name: string): Promise<Pick<Found, 'header'> & { bytes: number }> {
  const file = await files.open(name, 'read')
  try {
    const head = Buffer.alloc(segmentHeaderBytes)
    const { bytes, error } = await readUpTo(file, head, 0)
    if (error !== undefined) throw error
    return { header: decodeHeader(head.subarray(0, bytes)), bytes: await file.size() }
  } finally {
    await file.close()
  }
}

async function scanSegment(
  files: FileLayer,
  name: string,
  bytes: number,
  seed: number,
  patience: Patience,
): Promise<Scan> {
  const file = bytes > 0 ? await patiently(() => files.open(name, 'read'), patience) : undefined
  if (!file) return { first: undefined, last: undefined, newestAt: undefined, validEnd: 0 }
  const reader = new SegmentReader(file, seed, segmentHeaderBytes)
  let first: number | undefined
  let newest: OutboxEntry | undefined
  try {
    for (
      let next = await reader.nextPatiently(bytes, patience);
      next;
      next = await reader.nextPatiently(bytes, patience)
    ) {
      first ??= next[0]?.position
      newest = next.at(-1) ?? newest
    }
  } finally {
    await reader.close()
  }
  const validEnd = Math.min(reader.validEnd, bytes)
  return { first, last: newest?.position, newestAt: newest?.storedAt, validEnd }
}

async function describe(
  found: readonly Found[],
  id: string,
  cursor: Cursor | undefined,
  scan: (file: Found) => Promise<Scan>,
): Promise<Segment[]> {
  const segments: Segment[] = []
  const later = (index: number) => found.slice(index + 1).find(({ header }) => header?.id === id)?.header
  for (const [index, file] of found.entries()) {
    const header = file.header?.id === id ? file.header : undefined
    const before = segments.at(-1)
    const previous = header?.previous ?? within(await guessPrevious(found, index, cursor, scan), before, later(index))
    const first = header?.first ?? previous + 1
    if (before) before.last = previous
    const createdAt = header?.createdAt ?? before?.newestAt ?? Date.now()
    if (before) before.newestAt = createdAt
    segments.push({
      number: file.number,
      name: file.name,
      previous,
      first,
      last: first - 1,
      bytes: file.bytes ?? 0,
      createdAt,
      newestAt: createdAt,
      damaged: !header,
    })
  }
  return segments
}

/** Heads tell the truth: a guess must not make an entry of another file vanish, nor count one that was never stored. */
const within = (guess: number, before: Segment | undefined, later: SegmentHeader | undefined): number =>
  Math.min(later?.previous ?? Infinity, Math.max(before?.previous ?? 0, guess))

/** For a segment whose head cannot be read: what came before it, and what is still legible in it. */
async function guessPrevious(
  found: readonly Found[],
  index: number,
  cursor: Cursor | undefined,
  scan: (file: Found) => Promise<Scan>,
): Promise<number> {
  const done = index > 0 ? (await scan(found[index - 1]!)).last : cursor?.position
  const { first } = await scan(found[index]!)
  if (first !== undefined) return Math.min(done ?? first - 1, first - 1)
  return done ?? cursor?.position ?? found[index + 1]?.header?.previous ?? 0
}

/** After a crash the tail may be in memory only; what is handed out must not vanish and its position be used again. */
async function syncNewest(files: FileLayer, directory: string, newest: Segment): Promise<void> {
  if (newest.last < newest.first) return
  const file = await files.open(path.join(directory, newest.name), 'change')
  try {
    await syncGate.run(() => file.sync())
  } finally {
    await file.close()
  }
  await syncGate.run(() => files.syncDirectory(directory))
}
