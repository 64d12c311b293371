import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, runCommand } from '../../../test/services/processes.ts'
import type { Peer } from '../peer.ts'

const manifest = join(import.meta.dirname, 'Cargo.toml')

export const rust: Peer = {
  name: 'rust',
  title: '(h) hand-written Rust: rumqttc + librdkafka',
  acknowledges: 'after Kafka',
  install: async (directory) => {
    const cargo = findProgram('cargo', 'cargo')
    findProgram('make', 'build-essential')
    const args = ['build', '--release', '--locked', '--quiet', '--manifest-path', manifest, '--target-dir', directory]
    await runCommand(cargo, args)
    const lock = readFileSync(join(import.meta.dirname, 'Cargo.lock'), 'utf8')
    const version = (name: string) => `${name} ${new RegExp(`name = "${name}"\nversion = "(.*)"`).exec(lock)![1]}`
    const compiler = (await runCommand(findProgram('rustc', 'rustc'), ['--version'])).split(' ', 2).join(' ')
    return {
      versions: [...['rumqttc', 'rdkafka', 'rdkafka-sys', 'serde_json'].map(version), compiler].join(', '),
      command: ({ mqttPort, clientId, filter, brokers, kafkaTopic }) => ({
        program: join(directory, 'release/pipeline'),
        args: [String(mqttPort), clientId, filter, brokers, kafkaTopic],
      }),
    }
  },
}
