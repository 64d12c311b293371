import { rm } from 'node:fs/promises'
import { freePorts, type KafkaOptions, prepareBroker } from './kafka.ts'
import { leaderOf } from './kafka-topics.ts'
import type { Running } from './processes.ts'

export interface ClusterNode {
  readonly id: number
  /** `host:port`. */
  readonly address: string
  /** `kill -9`; the data stay. */
  kill(): Promise<void>
  /** Starts it again with its data. */
  restart(): Promise<void>
}

/** Three brokers on 127.0.0.1 that are their own controllers: any two of them are enough. */
export interface KafkaCluster {
  /** The addresses of all three. */
  readonly brokers: string
  readonly nodes: readonly ClusterNode[]
  /** The node that takes what is written to this partition. */
  leader(topic: string, partition: number): Promise<ClusterNode>
  /** Ends them and removes their data. */
  stop(): Promise<void>
}

/** Resolves when all three take requests. */
export async function startKafkaCluster(options: Pick<KafkaOptions, 'properties'> = {}): Promise<KafkaCluster> {
  const ports = [await freePorts(), await freePorts(), await freePorts()]
  const voters = ports.map(({ controller }, i) => `${i + 1}@127.0.0.1:${controller}`).join()
  const properties = { 'offsets.topic.replication.factor': 3, ...options.properties }
  const settings: KafkaOptions = { heapMegabytes: 256, properties }
  const prepared = await Promise.all(ports.map((own, i) => prepareBroker(own, settings, { id: i + 1, voters })))
  const running: Running[] = await Promise.all(prepared.map((node) => node.start()))
  const nodes = prepared.map((node, i): ClusterNode => {
    const kill = async () => void (await running[i]!.kill())
    const restart = async () => {
      running[i] = await node.start()
    }
    return { id: i + 1, address: `127.0.0.1:${node.ports.plain}`, kill, restart }
  })
  const brokers = nodes.map(({ address }) => address).join()
  return {
    brokers,
    nodes,
    leader: async (topic, partition) => {
      const id = await leaderOf(brokers, topic, partition)
      return nodes.find((node) => node.id === id)!
    },
    stop: async () => {
      await Promise.all(running.map((broker) => broker.kill()))
      for (const { directory } of prepared) await rm(directory, { recursive: true, force: true })
    },
  }
}
