/** One of our Kafka clients, alone: `node bench/kafka/producer.ts platformatic '{...}'`. */
import { readFileSync } from 'node:fs'
import { createKafkaClient } from '../../src/sinks/kafka/choice.ts'
import type { KafkaClientOptions } from '../../src/sinks/kafka/client.ts'
import type { ClusterConfig } from '../../src/sinks/kafka/config.ts'
import { type Broker, parseBrokers } from '../../src/sinks/kafka/config.ts'
import { keyHashes } from '../../src/sinks/kafka/partitioner.ts'
import type { KafkaRequest } from '../../src/sinks/kafka/request.ts'
import { percentiles } from '../summary.ts'
import { devices, type Produced, type ProducerLoad } from './load.ts'

const [name, text] = process.argv.slice(2)
const load = JSON.parse(text!) as ProducerLoad
const client = await createKafkaClient(name as ClusterConfig['client'], {
  brokers: parseBrokers(load.brokers) as readonly Broker[],
  clientId: `bench-${name}`,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  compression: load.compression as KafkaClientOptions['compression'],
  hash: keyHashes.murmur2,
  keepTrying: () => true,
})
const values = readFileSync(load.values, 'utf8').trimEnd().split('\n').map(Buffer.from)
const keys = Array.from({ length: devices }, (_, device) => Buffer.from(`plant/device${device}`))
const headers = Array.from({ length: devices }, (_, device) => ({
  'mqtt.topic': `plant/device${device}`,
  'mqtt.qos': '1',
}))

function batch(from: number, size: number): KafkaRequest[] {
  return Array.from({ length: size }, (_, i) => ({
    topic: load.topic,
    key: keys[(from + i) % devices]!,
    value: values[(from + i) % values.length]!,
    headers: headers[(from + i) % devices]!,
    id: undefined,
    timestamp: Date.now(),
    claimed: undefined,
    partitions: undefined,
  }))
}

async function produce(records: number): Promise<number[]> {
  const times: number[] = []
  for (let sent = 0; sent < records; sent += load.batchRecords) {
    const startMs = performance.now()
    await client.send(batch(sent, Math.min(load.batchRecords, records - sent)))
    times.push(performance.now() - startMs)
  }
  return times
}

await client.connect()
await client.partitions(load.topic)
await produce(load.warmUp)
const cpuBefore = process.cpuUsage()
const startMs = performance.now()
const times = await produce(load.records)
const seconds = (performance.now() - startMs) / 1000
const { user, system } = process.cpuUsage(cpuBefore)
await client.close()
const { p50, p99 } = percentiles(times)
const produced: Produced = {
  ratePerSecond: load.records / seconds,
  cpuMicrosPerRecord: (user + system) / load.records,
  p50Ms: p50,
  p99Ms: p99,
}
console.log(JSON.stringify(produced))
