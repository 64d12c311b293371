import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { version as kafkaVersion } from '../test/services/kafka.ts'
import { findProgram, runCommand } from '../test/services/processes.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly loadAverage: readonly number[]
  readonly versions: { readonly [name: string]: string }
  readonly commit: string
}

export async function describeMachine(): Promise<Machine> {
  const root = join(import.meta.dirname, '..')
  const version = (name: string): string =>
    JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
  const libraries = ['node-red', 'mqtt', '@platformatic/kafka', 'kafkajs']
  const help = await runCommand('sh', ['-c', `${findProgram('mosquitto', 'mosquitto')} -h || true`])
  const commit = await runCommand('git', ['-C', root, 'rev-parse', '--short=12', 'HEAD'])
  // Results of a bench that ran before in the same folder are no change of what is measured.
  const changes = await runCommand('git', ['-C', root, 'status', '--porcelain', '--', '.', ':!bench/results'])
  return {
    cpu: cpus()[0]!.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    loadAverage: loadavg().map((load) => Math.round(load * 100) / 100),
    versions: {
      node: process.version,
      mosquitto: /version (\S+)/.exec(help)?.[1] ?? 'unknown',
      kafka: kafkaVersion,
      ...Object.fromEntries(libraries.map((name) => [name, version(name)])),
    },
    commit: commit.trim() + (changes === '' ? '' : '-dirty'),
  }
}
