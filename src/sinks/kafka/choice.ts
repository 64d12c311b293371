import { PipelineError } from '../../core/errors.ts'
import type { KafkaClient, KafkaClientOptions } from './client.ts'
import { type ClusterConfig, clusterFields, sinkFields } from './config.ts'
import { codecs, createKafkajsClient } from './kafkajs.ts'
import { createPlatformaticClient } from './platformatic.ts'

/** What `engines` of @platformatic/kafka and of its dependencies ask for: from here on in each line, and every later line. */
export const platformaticSince = [
  { major: 22, minor: 22 },
  { major: 24, minor: 6 },
] as const

/** Never by trying: the package can be imported, and fails later, where Node.js is too old for it. */
export function isPlatformaticPossible(node: string): boolean {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const line = platformaticSince.find((since) => since.major === major)
  return line ? minor >= line.minor : major > platformaticSince.at(-1)!.major
}

/** Rejects with CONFIG_INVALID where the choice is impossible on this Node.js, and with DEPENDENCY_MISSING. */
export async function createKafkaClient(
  client: ClusterConfig['client'],
  options: KafkaClientOptions,
  node = process.versions.node,
): Promise<KafkaClient> {
  const isPossible = isPlatformaticPossible(node)
  if (client === 'platformatic' && !isPossible)
    throw new PipelineError('CONFIG_INVALID', {
      field: clusterFields.client.label,
      problem: `platformatic needs ${neededNode(node)}`,
    })
  const { compression } = options
  if (client === 'platformatic') return createPlatformaticClient(options)
  if (client === 'auto' && isPossible)
    try {
      return await createPlatformaticClient(options)
    } catch (error) {
      const isMissing = error instanceof PipelineError && error.code === 'DEPENDENCY_MISSING'
      if (!isMissing || !Object.hasOwn(codecs, compression)) throw error
    }
  if (!Object.hasOwn(codecs, compression)) {
    const needed = isPossible ? `the ${clusterFields.client.label} platformatic` : neededNode(node)
    throw new PipelineError('CONFIG_INVALID', {
      field: sinkFields.compression.label,
      problem: `${compression} needs ${needed}. Else choose ${Object.keys(codecs).join(' or ')}`,
    })
  }
  return createKafkajsClient(options)
}

function neededNode(node: string): string {
  const [first, second] = platformaticSince.map(({ major, minor }) => `${major}.${minor}`)
  return `Node.js ${first} or newer of its line, or ${second} and newer; this is ${node}`
}
