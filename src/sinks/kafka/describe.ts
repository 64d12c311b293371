import type { Admin, Connection } from '@platformatic/kafka'
import type { TopicFacts } from './client.ts'
import { classify, nestedErrors } from './errors.ts'

type Library = typeof import('@platformatic/kafka')

/** What `Admin` knows of topics, and the rights on them, which only the bare request asks for. */
export async function describeTopics(
  library: Library,
  admin: Admin,
  topics: string[],
): Promise<ReadonlyMap<string, TopicFacts>> {
  // The library sorts what it is given.
  const metadata = await admin.metadata({ topics: [...topics], retries: 0 })
  const rights = await readRights(library, admin, topics)
  const settings = await readSettings(library, admin, topics)
  return new Map(
    topics.map((topic) => {
      const partitions = metadata.topics.get(topic)?.partitions ?? []
      const replicas = Math.min(...partitions.map(({ replicas }) => replicas.length))
      return [topic, { replicas, mayWrite: rights.get(topic), settings: settings.get(topic) }]
    }),
  )
}

/** Bit of WRITE in a set of operations, and the set that means "not told". */
const write = 1 << 4
const notTold = -(2 ** 31)

/** Brokers say it since Kafka 2.3, where they check rights at all. */
async function readRights(library: Library, admin: Admin, topics: string[]): Promise<Map<string, boolean>> {
  const apis = await admin.listApis()
  const [connection] = [...admin.connections].map(([, open]: [string, Connection]) => open)
  if (!connection || !apis.some(({ name, maxVersion }) => name === 'Metadata' && maxVersion >= 8)) return new Map()
  const answer = await library.metadataV8.api.async(connection, topics, false, true)
  const told = answer.topics.filter(({ topicAuthorizedOperations: rights }) => rights !== notTold)
  return new Map(told.map((topic) => [topic.name ?? '', (topic.topicAuthorizedOperations & write) !== 0]))
}

interface Described {
  readonly errorCode?: number
  readonly resourceName: string
  readonly configs: readonly { readonly name: string; readonly value?: string | null | undefined }[]
}

/** Of the topics whose settings may be read. */
async function readSettings(
  library: Library,
  admin: Admin,
  topics: string[],
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const resourceType = library.ConfigResourceTypes.TOPIC
  const resources = topics.map((resourceName) => ({ resourceType, resourceName }))
  const found: readonly Described[] = await admin.describeConfigs({ resources }).catch(answeredAllTheSame)
  const readable = found.filter(({ errorCode = 0 }) => errorCode === 0)
  return new Map(
    readable.map(({ resourceName, configs }) => [
      resourceName,
      new Map(configs.map(({ name, value }) => [name, value ?? ''])),
    ]),
  )
}

/** A cluster that has no such question, and one that answers it for some topics only, can be written all the same. */
function answeredAllTheSame(error: unknown): readonly Described[] {
  const results = [...nestedErrors(error)].flatMap(
    (nested) => (nested as { response?: { results?: readonly Described[] } }).response?.results ?? [],
  )
  if (results.length === 0 && classify(error, '').code !== 'TARGET_UNSUPPORTED') throw error
  return results
}
