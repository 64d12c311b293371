import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { type FileLayer, nodeFiles } from '../../src/outbox/files.ts'
import { SegmentWriter, segmentName } from '../../src/outbox/segment.ts'

const header = { id: '0123456789abcdef', previous: 0, first: 1, createdAt: 0 }

/** The directory is never safe; `late` happens before that is known. */
const failing = (late: () => Promise<void>): FileLayer => ({
  ...nodeFiles,
  syncDirectory: async () => {
    await late()
    throw new Error('the disk fails')
  },
})

async function created(late: (file: string) => Promise<void>): Promise<readonly string[]> {
  const directory = await fs.mkdtemp(path.join(tmpdir(), 'rowline-segment-'))
  try {
    const file = path.join(directory, segmentName(1))
    await assert.rejects(
      SegmentWriter.create(
        failing(() => late(file)),
        directory,
        1,
        header,
      ),
      /the disk fails/,
    )
    return await Promise.all(
      (await fs.readdir(directory)).map((name) => fs.readFile(path.join(directory, name), 'utf8')),
    )
  } finally {
    await fs.rm(directory, { recursive: true })
  }
}

test('a segment that cannot be created leaves no file', async () => {
  assert.deepEqual(await created(async () => {}), [])
})

test('a segment that fails late leaves the file alone that the next outbox has put in its place', async () => {
  const next = async (file: string) => {
    await fs.unlink(file)
    await fs.writeFile(file, 'entries of the next')
  }
  assert.deepEqual(await created(next), ['entries of the next'])
})
