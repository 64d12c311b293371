import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, runCommand } from '../../../test/services/processes.ts'
import type { Peer } from '../peer.ts'

const requirements = join(import.meta.dirname, 'requirements.txt')

/** A virtual environment with the libraries. */
export async function installPython(
  directory: string,
): Promise<{ readonly program: string; readonly versions: string }> {
  await runCommand(findProgram('python3', 'python3-venv'), ['-m', 'venv', directory])
  const program = join(directory, 'bin/python')
  await runCommand(program, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements])
  const libraries = readFileSync(requirements, 'utf8').trim().replaceAll('==', ' ').split('\n')
  const interpreter = (await runCommand(program, ['--version'])).trim()
  return { program, versions: [...libraries, interpreter].join(', ') }
}

export const python: Peer = {
  name: 'python',
  title: '(g) Python: paho-mqtt + confluent-kafka',
  acknowledges: 'after Kafka',
  install: async (directory) => {
    const { program, versions } = await installPython(directory)
    return {
      versions,
      command: ({ mqttPort, clientId, filter, brokers, kafkaTopic }) => ({
        program,
        args: [join(import.meta.dirname, 'pipeline.py'), ...[String(mqttPort), clientId, filter, brokers, kafkaTopic]],
      }),
    }
  },
}
