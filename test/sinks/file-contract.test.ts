import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSink } from '../../src/sinks/file/sink.ts'
import { sinkContract } from '../contract/sink-contract.ts'
import { reading } from '../contract/sink-harness.ts'

const directory = await mkdtemp(join(tmpdir(), 'rowline-file-sink-'))
const directoryOf = (name: string) => join(directory, name)

// Broken by a file where the directory should be: that stops root too, which permissions do not.
sinkContract(fileSink, {
  start: async () => {},
  stop: () => rm(directory, { recursive: true }),
  config: (name) => ({
    path: `${name}/rows.ndjson`,
    maxTotalBytes: 100_000,
    maxFileBytes: 100_000,
    batchBytes: 100_000,
  }),
  context: {
    directory,
    name: 'contract',
    connection: () => {
      throw new Error('a file needs no connection')
    },
    jsonSchema: () => undefined,
    rowSchema: () => undefined,
    warn: () => {},
  },
  readBack: async (name) =>
    (await readFile(join(directoryOf(name), 'rows.ndjson'), 'utf8'))
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  breakTarget: async (name) => {
    await mkdir(directoryOf(name), { recursive: true })
    await cp(directoryOf(name), `${directoryOf(name)}.away`, { recursive: true })
    await rm(directoryOf(name), { recursive: true })
    await writeFile(directoryOf(name), '')
  },
  healTarget: async (name) => {
    await rm(directoryOf(name))
    await rename(`${directoryOf(name)}.away`, directoryOf(name))
  },
  poison: reading(7, { payload: 'x'.repeat(100_001) }),
})
