import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Admin, type EachBatchPayload } from 'kafkajs'
import { until } from './processes.ts'

/** A record as a consumer sees it. Read with kafkajs: what that client writes is read with Java as well (kafka-codecs). */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: Buffer | null
  readonly headers: { readonly [name: string]: string }
}

export interface ReadOptions {
  /** Wait until the topic holds this many records; without it, read what is there now. */
  readonly count?: number
  readonly timeoutMs?: number
}

/** All records of a topic so far, by partition and offset. Rejects when `count` is not reached in time. */
export async function readTopic(brokers: string, topic: string, options: ReadOptions = {}): Promise<StoredRecord[]> {
  const ends = await waitForRecords(brokers, topic, options)
  const total = ends.reduce((sum, end) => sum + end.records, 0)
  if (total === 0) return []
  const records: StoredRecord[] = []
  const open = new Map(ends.filter((end) => end.records > 0).map((end) => [end.partition, end.last]))
  const consumer = client(brokers).consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${records.length} of ${total} records of ${topic} read`)),
        options.timeoutMs ?? 30_000,
      )
      const eachBatch = async ({ batch }: EachBatchPayload) => {
        for (const message of batch.messages) records.push(stored(batch.partition, message))
        if (Number(batch.lastOffset()) >= (open.get(batch.partition) ?? Infinity)) open.delete(batch.partition)
        if (open.size > 0) return
        clearTimeout(late)
        resolve()
      }
      consumer.run({ autoCommit: false, eachBatch }).catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

function stored(partition: number, message: EachBatchPayload['batch']['messages'][number]): StoredRecord {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)])
  return {
    partition,
    offset: Number(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key?.toString() ?? null,
    value: message.value,
    headers: Object.fromEntries(headers),
  }
}

interface End {
  readonly partition: number
  readonly last: number
  readonly records: number
}

async function waitForRecords(brokers: string, topic: string, options: ReadOptions): Promise<readonly End[]> {
  const deadline = Date.now() + (options.timeoutMs ?? 30_000)
  return withAdmin(brokers, async (admin) => {
    for (;;) {
      const ends = await topicEnds(admin, topic)
      const found = ends?.reduce((sum, end) => sum + end.records, 0) ?? 0
      if (ends && found >= (options.count ?? 0)) return ends
      if (Date.now() > deadline) throw new Error(`${topic} holds ${found} of ${options.count} records`)
      await sleep(50)
    }
  })
}

/** None for a topic that does not exist, undefined while it is being made. */
async function topicEnds(admin: Admin, topic: string): Promise<readonly End[] | undefined> {
  if (!(await admin.listTopics()).includes(topic)) return []
  const offsets = await admin.fetchTopicOffsets(topic).catch((error: { readonly retriable?: boolean }) => {
    if (error.retriable) return undefined
    throw error
  })
  return offsets?.map(({ partition, low, high }) => ({
    partition,
    last: Number(high) - 1,
    records: Number(high) - Number(low),
  }))
}

/** How many records a topic holds; 0 if it does not exist. */
export async function recordsIn(brokers: string, topic: string): Promise<number> {
  const ends = await waitForRecords(brokers, topic, {})
  return ends.reduce((sum, { records }) => sum + records, 0)
}

/** `configuration` are topic settings such as `max.message.bytes`. */
export async function createTopic(
  brokers: string,
  topic: string,
  partitions = 1,
  configuration: { readonly [name: string]: string } = {},
): Promise<void> {
  const configEntries = Object.entries(configuration).map(([name, value]) => ({ name, value }))
  await withAdmin(brokers, async (admin) => {
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: partitions, configEntries }] })
    // With waitForLeaders it fails where the broker has not heard of the topic yet.
    await until(() => hasLeaders(admin, topic, partitions), { timeoutMs: 30_000, what: `leaders of ${topic}` })
  })
}

/** `replicas` are broker ids per partition, its leader first. */
export async function createAssignedTopic(
  brokers: string,
  topic: string,
  replicas: readonly (readonly number[])[],
): Promise<void> {
  const replicaAssignment = replicas.map((ids, partition) => ({ partition, replicas: [...ids] }))
  await withAdmin(brokers, (admin) =>
    admin.createTopics({ waitForLeaders: true, topics: [{ topic, replicaAssignment }] }),
  )
}

async function hasLeaders(admin: Admin, topic: string, partitions: number): Promise<boolean> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
  return topics[0]?.partitions.filter(({ leader }) => leader >= 0).length === partitions
}

export async function deleteTopic(brokers: string, topic: string): Promise<void> {
  await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
}

export async function partitionsOf(brokers: string, topic: string): Promise<number> {
  return withAdmin(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0]?.partitions.length ?? 0
  })
}

/** The id of the broker that leads a partition, as soon as it has a leader. */
export async function leaderOf(brokers: string, topic: string, partition: number): Promise<number> {
  return withAdmin(brokers, (admin) =>
    until(async () => (await partitionOf(admin, topic, partition))?.leader, {
      what: `a leader of ${topic}`,
      timeoutMs: 60_000,
    }),
  ) as Promise<number>
}

/** Waits until these brokers, and no others, have the partition; the first of them leads it if the leader is not among them. */
export async function reassign(brokers: string, topic: string, partition: number, replicas: number[]): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition, replicas }] }] })
    const isDone = async () => {
      const { isr = [] } = (await partitionOf(admin, topic, partition)) ?? {}
      return isr.length === replicas.length && isr.every((id) => replicas.includes(id))
    }
    await until(isDone, { what: `${topic} to move`, timeoutMs: 60_000, intervalMs: 100 })
  })
}

/** Undefined while it has no leader. */
async function partitionOf(admin: Admin, topic: string, partition: number) {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
  return topics[0]?.partitions.find(({ partitionId, leader }) => partitionId === partition && leader > 0)
}

/** Changes a setting of a topic. */
export async function setTopic(brokers: string, topic: string, name: string, value: string): Promise<void> {
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }
  await withAdmin(brokers, (admin) => admin.alterConfigs({ validateOnly: false, resources: [resource] }))
}

/** From now on only `user` may use the topic, for these operations (brokers started with `secure`). */
export async function reserveTopic(
  brokers: string,
  topic: string,
  user: string,
  operations: readonly (keyof typeof kafkajs.AclOperationTypes)[] = ['ALL'],
): Promise<void> {
  const { AclResourceTypes, ResourcePatternTypes, AclOperationTypes, AclPermissionTypes } = kafkajs
  const acl = operations.map((operation) => ({
    resourceType: AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${user}`,
    host: '*',
    operation: AclOperationTypes[operation],
    permissionType: AclPermissionTypes.ALLOW,
  }))
  await withAdmin(brokers, async (admin) => {
    await admin.createAcls({ acl })
  })
}

export interface TopicState {
  /** The smallest number of any partition, as below. */
  readonly replicas: number
  readonly inSync: number
  readonly settings: ReadonlyMap<string, string>
}

export async function describeTopic(brokers: string, topic: string): Promise<TopicState> {
  return withAdmin(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }
    const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
    const { partitions } = topics[0]!
    return {
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      inSync: Math.min(...partitions.map(({ isr }) => isr.length)),
      settings: new Map(resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue])),
    }
  })
}

function client(brokers: string): InstanceType<typeof kafkajs.Kafka> {
  return new kafkajs.Kafka({ clientId: 'reader', brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING })
}

async function withAdmin<T>(brokers: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client(brokers).admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}
