import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkFileSink, sinkFields } from '../../src/sinks/file/config.ts'
import { fileSink } from '../../src/sinks/file/sink.ts'
import { reading } from '../contract/sink-harness.ts'
import { forever, parsed } from './kafka-harness.ts'

describe('file-sink', () => {
  let root = ''
  let directory = ''
  let warnings: string[] = []
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'rowline-file-'))
  })
  after(() => rm(root, { recursive: true }))
  beforeEach(async () => {
    directory = await mkdtemp(join(root, 'test-'))
    warnings = []
  })

  const create = (options: { readonly [option: string]: unknown } = {}) =>
    fileSink.create(parsed(sinkFields, { path: 'rows.ndjson', ...options }), {
      directory,
      name: 'test',
      connection: () => assert.fail('no connection'),
      jsonSchema: () => undefined,
      rowSchema: () => undefined,
      warn: (message) => warnings.push(message),
    })
  const opened = async (options: { readonly [option: string]: unknown } = {}) => {
    const sink = create(options)
    await sink.open(forever)
    /** One line of `bytes` bytes per number. */
    const write = (numbers: readonly number[], bytes = 10) => {
      const pad = 'x'.repeat(bytes - '{"n":00,"p":""}\n'.length > 0 ? bytes - '{"n":00,"p":""}\n'.length : 0)
      const requests = numbers.map((n) => sink.prepare(reading(n, { payload: { n, p: pad } })).request)
      return sink.write(requests, forever)
    }
    return { sink, write }
  }
  const path = () => join(directory, 'rows.ndjson')
  const numbersIn = async (name: string) =>
    (await readFile(join(directory, name), 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line).n)
  const finished = async () => (await readdir(directory)).filter((name) => name !== 'rows.ndjson').sort()
  const allNumbers = async () => (await Promise.all([...(await finished()), 'rows.ndjson'].map(numbersIn))).flat()

  it('makes the directories of its path and goes on where it stopped', async () => {
    for (const n of [1, 2]) {
      const { sink, write } = await opened({ path: 'a/b/rows.ndjson' })
      await write([n])
      await sink.close()
    }
    assert.deepEqual(await numbersIn('a/b/rows.ndjson'), [1, 2])
  })

  it('writes the row alone, or what came with it too', async () => {
    const keys: string[][] = []
    for (const content of ['payload', 'record']) {
      const { sink, write } = await opened({ content, path: `${content}.ndjson` })
      await write([1])
      await sink.close()
      keys.push(Object.keys(JSON.parse(await readFile(join(directory, `${content}.ndjson`), 'utf8'))))
    }
    assert.deepEqual(keys[0], ['n', 'p'])
    assert.ok(['payload', 'topic', 'qos', 'receivedAt'].every((key) => keys[1]!.includes(key)))
  })

  it('has the data on disk before write resolves, and the name before that', async () => {
    const events: string[] = []
    const restore = await observeSyncs((name) => void events.push(name))
    const { sink, write } = await opened()
    assert.deepEqual(events, ['sync'], 'the directory')
    events.length = 0
    await write([1])
    assert.deepEqual(events, ['datasync'])
    restore()
    await sink.close()
  })

  it('trusts no descriptor after a failed sync: the batch is written again and stands there once', async () => {
    const { sink, write } = await opened()
    await write([1])
    let failures = 1
    const restore = await observeSyncs((name) => {
      if (name === 'datasync' && failures-- > 0) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    })
    await assert.rejects(write([2]), { code: 'FILE_FAILED', disposition: 'retry', message: /EIO/ })
    assert.deepEqual(await numbersIn('rows.ndjson'), [1])
    await write([2])
    restore()
    assert.deepEqual(await numbersIn('rows.ndjson'), [1, 2])
    await sink.close()
  })

  it('cuts off nothing that another process has written, before a write that fails or during it', async () => {
    const { sink, write } = await opened()
    await write([1])
    await appendFile(path(), '{"n":2}\n')
    let foreign = ''
    const restore = await observeSyncs((name) => {
      if (name !== 'datasync') return
      appendFileSync(path(), foreign)
      throw new Error('ENOSPC: no space left on device')
    })
    await assert.rejects(write([3]), { code: 'FILE_FAILED' })
    assert.deepEqual(await numbersIn('rows.ndjson'), [1, 2])
    foreign = '{"n":4}\n'
    await assert.rejects(write([5]), { code: 'FILE_FAILED' })
    restore()
    assert.deepEqual(await numbersIn('rows.ndjson'), [1, 2, 5, 4])
    await sink.close()
  })

  it('finishes a file that would grow over its limit', async () => {
    const { sink, write } = await opened({ maxFileBytes: 2048, batchBytes: 1000 })
    for (let n = 10; n < 20; n++) await write([n], 500)
    await sink.close()
    assert.deepEqual(await numbersIn('rows.ndjson'), [18, 19])
    assert.equal((await finished()).length, 2)
    for (const name of await finished()) assert.match(name, /^rows\.\d{4}-\d\d-\d\dT[\d-]+Z\.ndjson$/)
    assert.deepEqual(await allNumbers(), [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
  })

  it('finishes a file that is older than its limit', async () => {
    const { sink, write } = await opened({ maxFileAgeMs: 2000 })
    await write([1])
    await write([2])
    await sleep(2100)
    await write([3])
    await sink.close()
    assert.deepEqual(await Promise.all((await finished()).map(numbersIn)), [[1, 2]])
    assert.deepEqual(await numbersIn('rows.ndjson'), [3])
  })

  const small = { maxFileBytes: 1024, maxTotalBytes: 3000, batchBytes: 1000 }

  it('stops at its disk limit and goes on when files are moved away', async () => {
    const { sink, write } = await opened(small)
    for (let n = 10; n < 16; n++) await write([n], 500)
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(write([16], 500), {
        code: 'FILE_FULL',
        disposition: 'config',
        message: /limit of 3000 bytes/,
      })
    }
    assert.deepEqual(await allNumbers(), [10, 11, 12, 13, 14, 15])
    const [oldest] = await finished()
    await rename(join(directory, oldest!), join(root, oldest!))
    await write([16], 500)
    assert.deepEqual(await allNumbers(), [12, 13, 14, 15, 16])
    assert.deepEqual(warnings, [])
    await sink.close()
  })

  it('counts the files of an earlier life', async () => {
    const first = await opened(small)
    for (let n = 10; n < 16; n++) await first.write([n], 500)
    await first.sink.close()
    const { sink, write } = await opened(small)
    await assert.rejects(write([16], 500), { code: 'FILE_FULL' })
    await sink.close()
  })

  it('deletes the oldest file when told to, and says how many lines that were', async () => {
    const { sink, write } = await opened({ ...small, whenFull: 'drop-oldest' })
    for (let n = 10; n < 18; n++) await write([n], 500)
    await sink.close()
    assert.deepEqual(await allNumbers(), [12, 13, 14, 15, 16, 17])
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /^2 lines were deleted with .*rows\..*ndjson: the disk limit was reached$/)
  })

  it('leaves files alone that only look like its own', async () => {
    const strangers = ['rows.old.ndjson', 'rows.2026-01-01.ndjson', 'others.2026-01-01T00-00-00-000Z.ndjson']
    for (const name of strangers) await writeFile(join(directory, name), 'x'.repeat(5000))
    const { sink, write } = await opened({ ...small, whenFull: 'drop-oldest' })
    for (let n = 10; n < 18; n++) await write([n], 500)
    await sink.close()
    const names = await readdir(directory)
    for (const name of strangers) assert.ok(names.includes(name))
  })

  it('cuts off the line that a crash left unfinished, however long, and says so', async () => {
    for (const torn of ['{"n":2', 'x'.repeat(200_000)]) {
      const first = await opened()
      await first.write([1])
      await first.sink.close()
      await appendFile(path(), torn)
      const { sink, write } = await opened()
      await write([3])
      await sink.close()
      assert.deepEqual(await numbersIn('rows.ndjson'), [1, 3])
      assert.match(warnings.at(-1)!, new RegExp(`unfinished last line of ${torn.length} bytes`))
      await rm(path())
    }
  })

  it('begins a file again that somebody has deleted', async () => {
    const { sink, write } = await opened()
    await write([1])
    await rm(path())
    await write([2])
    assert.deepEqual(await numbersIn('rows.ndjson'), [2])
    await sink.close()
  })

  it('refuses a file that another sink writes, until that one is closed', async () => {
    const { sink } = await opened()
    const second = create({ path: path() })
    const taken = { code: 'FILE_TAKEN', disposition: 'config', message: /^Another file sink writes .*rows\.ndjson/ }
    await assert.rejects(second.open(forever), taken)
    await second.close()
    await assert.rejects(second.open(forever), taken)
    await sink.close()
    await second.open(forever)
    await second.close()
  })

  it('says which path cannot be written, and why', async () => {
    await mkdir(path())
    await assert.rejects(create().open(forever), { code: 'FILE_FAILED', message: /rows\.ndjson failed: EISDIR/ })
  })

  it('refuses limits that contradict each other', () => {
    const problems = checkFileSink(parsed(sinkFields, { maxFileBytes: 4096, maxTotalBytes: 2048 }))
    assert.deepEqual(
      problems.map(({ field }) => field),
      ['maxFileBytes', 'batchBytes'],
    )
    assert.deepEqual(checkFileSink(parsed(sinkFields, {})), [])
  })
})

type Sync = (this: object) => Promise<void>

/** Calls `on` before every sync of any file handle in this process. Returns how to stop that. */
async function observeSyncs(on: (name: 'sync' | 'datasync') => void): Promise<() => void> {
  const handle = await open(tmpdir(), 'r')
  const prototype = Object.getPrototypeOf(handle) as { sync: Sync; datasync: Sync }
  await handle.close()
  const { sync, datasync } = prototype
  for (const [name, original] of Object.entries({ sync, datasync }) as ['sync' | 'datasync', Sync][]) {
    prototype[name] = async function (this: object) {
      on(name)
      await original.call(this)
    }
  }
  return () => Object.assign(prototype, { sync, datasync })
}
