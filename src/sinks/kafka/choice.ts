import { PipelineError } from '../../core/errors.ts'
import type { KafkaClient, KafkaClientOptions } from './client.ts'
import { type ClusterConfig, clusterFields, type KafkaSinkConfig, sinkFields } from './config.ts'
import { codecs, createKafkajsClient } from './kafkajs.ts'
import { createPlatformaticClient, isPlatformaticInstalled, packageName } from './platformatic.ts'

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

/** Rejects with CONFIG_INVALID where the choice is impossible here, and with DEPENDENCY_MISSING. */
export async function createKafkaClient(
  client: ClusterConfig['client'],
  options: KafkaClientOptions,
  node = process.versions.node,
): Promise<KafkaClient> {
  if (client === 'platformatic') requirePlatformatic(node)
  if (lackFor(client, node) === undefined) return createPlatformaticClient(options)
  requireCodec(client, options.compression, node)
  return createKafkajsClient(options)
}

/** Throws what a sink cannot start with that shall use platformatic and nothing else. */
export function requirePlatformatic(node = process.versions.node): void {
  const lack = lackFor('platformatic', node)
  if (lack === 'package')
    throw new PipelineError('DEPENDENCY_MISSING', { name: packageName, instead: 'choose the Client auto' })
  if (lack === 'node')
    throw new PipelineError('CONFIG_INVALID', {
      field: clusterFields.client.label,
      problem: `platformatic needs ${neededNode(node)}`,
    })
}

/** What keeps a cluster from platformatic here; undefined where nothing does. */
export function lackFor(client: ClusterConfig['client'], node = process.versions.node): Lack | undefined {
  if (client === 'kafkajs') return 'chosen'
  if (!isPlatformaticPossible(node)) return 'node'
  return isPlatformaticInstalled() ? undefined : 'package'
}

type Lack = 'chosen' | 'node' | 'package'

/** Throws CONFIG_INVALID where nothing here can compress so. */
export function requireCodec(
  client: ClusterConfig['client'],
  compression: KafkaSinkConfig['compression'],
  node = process.versions.node,
): void {
  if (Object.hasOwn(codecs, compression)) return
  const lack = lackFor(client, node)
  if (lack === undefined) return
  const needed = {
    chosen: `the ${clusterFields.client.label} platformatic`,
    node: neededNode(node),
    package: `the package ${packageName}, which is not installed: the offline package brings kafkajs alone`,
  }
  throw new PipelineError('CONFIG_INVALID', {
    field: sinkFields.compression.label,
    problem: `${compression} needs ${needed[lack]}. Else choose ${Object.keys(codecs).join(' or ')}`,
  })
}

function neededNode(node: string): string {
  const [first, second] = platformaticSince.map(({ major, minor }) => `${major}.${minor}`)
  return `Node.js ${first} or newer of its line, or ${second} and newer; this is ${node}`
}
