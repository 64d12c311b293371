import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'

const writer = join(import.meta.dirname, 'file-writer.ts')

describe('file-sink in a process that is struck', () => {
  let directory = ''
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rowline-crash-'))
  })
  after(() => rm(directory, { recursive: true }))

  /** Runs the writer under a shell prefix; resolves with the numbers it reported as confirmed and its errors. */
  const run = async (path: string, from: number, prefix: string, killAfter: number) => {
    const command = `${prefix} exec "$0" "$1" "$2" "$3"`
    const args = [process.execPath, writer, join(directory, path), String(from)]
    const child = spawn('bash', ['-c', command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const confirmed: number[] = []
    const failures: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('confirmed ')) confirmed.push(Number(line.slice(10)))
      else failures.push(line)
      if (confirmed.length === killAfter) child.kill('SIGKILL')
    }
    return { confirmed, failures }
  }
  const linesOf = async (path: string) =>
    (await readFile(join(directory, path), 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line): number => JSON.parse(line).n)

  it('keeps every confirmed line over three kill -9, in order, and no broken one', async () => {
    const confirmed: number[] = []
    for (let life = 0; life < 3; life++) {
      const from = life * 1_000_000
      confirmed.push(...(await run('killed.ndjson', from, '', 30)).confirmed)
    }
    assert.ok(confirmed.length >= 90)
    const stored = await linesOf('killed.ndjson')
    const inFile = new Set(stored)
    assert.deepEqual(
      confirmed.filter((n) => !inFile.has(n)),
      [],
    )
    assert.deepEqual(
      stored,
      stored.toSorted((a, b) => a - b),
    )
    assert.equal(inFile.size, stored.length)
  })

  it('leaves no part of a line behind when the disk takes only a part of a batch', async () => {
    // The limit of a process on file sizes, in KiB, makes a real write stop in the middle and then fail.
    const { confirmed, failures } = await run('limited.ndjson', 0, "trap '' XFSZ; ulimit -f 10;", Infinity)
    assert.ok(confirmed.length > 0 && failures.length > 0)
    for (const failure of failures) assert.match(failure, /^FILE_FAILED retry .*EFBIG/)
    assert.deepEqual(await linesOf('limited.ndjson'), confirmed)
    const more = await run('limited.ndjson', 1_000_000, 'ulimit -f unlimited;', 2)
    const all = [...confirmed, ...more.confirmed]
    assert.deepEqual((await linesOf('limited.ndjson')).slice(0, all.length), all)
  })
})
