import { createReadStream } from 'node:fs'
import { readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { syncDirectory } from '../../core/durable.ts'

export interface Finished {
  readonly path: string
  readonly bytes: number
}

/** The finished files beside `rows.ndjson`: `rows.<time>.ndjson`, oldest first. */
export async function finishedFiles(path: string): Promise<readonly Finished[]> {
  const { directory, stem, extension } = partsOf(path)
  const isFinished = (name: string) =>
    name.startsWith(`${stem}.`) &&
    name.endsWith(extension) &&
    time.test(name.slice(stem.length, -extension.length || undefined))
  const names = (await readdir(directory)).filter(isFinished).sort()
  return Promise.all(
    names.map(async (name) => ({ path: join(directory, name), bytes: (await stat(join(directory, name))).size })),
  )
}

const time = /^\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/

/** Renames the file after the present time; a name that is taken is never used again. */
export async function finish(path: string): Promise<void> {
  const { directory, stem, extension } = partsOf(path)
  const taken = new Set(await readdir(directory))
  const nameAt = (ms: number) => `${stem}.${new Date(ms).toISOString().replaceAll(/[:.]/g, '-')}${extension}`
  let ms = Date.now()
  while (taken.has(nameAt(ms))) ms++
  await rename(path, join(directory, nameAt(ms)))
  await syncDirectory(directory)
}

/** Deletes the file and returns how many lines it had. */
export async function remove(path: string): Promise<number> {
  let lines = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++
  }
  await unlink(path)
  await syncDirectory(dirname(path))
  return lines
}

function partsOf(path: string): { directory: string; stem: string; extension: string } {
  const extension = extname(path)
  return { directory: dirname(path), stem: basename(path, extension), extension }
}
