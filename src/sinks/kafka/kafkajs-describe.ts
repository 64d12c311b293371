import type { Admin } from 'kafkajs'
import type { TopicFacts } from './client.ts'
import { answersIn } from './errors.ts'

/** The library does not ask for rights. */
export async function describeTopics(
  admin: Admin,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicFacts>> {
  const metadata = await admin.fetchTopicMetadata({ topics: [...topics] })
  const partitions = new Map(metadata.topics.map((topic) => [topic.name, topic.partitions]))
  const settings = new Map(await readSettings(admin, topics))
  return new Map(
    topics.map((topic) => {
      const replicas = Math.min(...partitions.get(topic)!.map(({ replicas }) => replicas.length))
      return [topic, { replicas, mayWrite: undefined, settings: settings.get(topic) }]
    }),
  )
}

type Settings = readonly (readonly [topic: string, settings: ReadonlyMap<string, string>])[]

/** Of the topics whose settings may be read. One that may not fails the whole question. */
async function readSettings(admin: Admin, topics: readonly string[]): Promise<Settings> {
  const resources = topics.map((name) => ({ type: topicResource, name }))
  try {
    const { resources: found } = await admin.describeConfigs({ resources, includeSynonyms: false })
    return found.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue ?? ''])),
    ])
  } catch (error) {
    if (answersIn(error).length === 0) throw error
    if (topics.length === 1) return []
    const settings: Settings[] = []
    for (const topic of topics) settings.push(await readSettings(admin, [topic]))
    return settings.flat()
  }
}

// `ConfigResourceTypes.TOPIC`: the library is not loaded here.
const topicResource = 2
