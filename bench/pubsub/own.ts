import { SinkRunner } from '../../src/core/sink-runner.ts'
import { createPubsubSink } from '../../test/sinks/pubsub-harness.ts'

export interface Load {
  readonly address: string
  readonly topic: string
  readonly messages: number
  readonly bytes: number
  /** Ordering keys; 0 is none. */
  readonly keys: number
  readonly batchRecords: number
}

export interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
}

/** Most messages under way: what one batch holds while the next is collected. */
export const windowOf = ({ batchRecords }: Pick<Load, 'batchRecords'>): number => Math.max(10_000, 2 * batchRecords)

/** Confirmed one by one through the sink's runner, as a node does it; most of the window is always under way. */
export async function publishOwn(load: Load): Promise<Measured> {
  const { address, topic, messages, bytes, keys, batchRecords } = load
  const sink = createPubsubSink(address, { topic, includeMetadata: false, ...(keys > 0 && { orderingKey: '{topic}' }) })
  const options = { batchRecords, batchBytes: 64 << 20, lingerMs: 10, maxRetries: 0, onError: 'retry' } as const
  const runner = new SinkRunner(sink, { ...options, retryBackoffMs: 100, maxRetryBackoffMs: 1000 })
  runner.start()
  const payload = Buffer.alloc(bytes, 'a')
  const window = windowOf(load)
  const start = performance.now()
  const cpu = process.cpuUsage()
  await new Promise<void>((resolve) => {
    let [sent, confirmed] = [0, 0]
    const submit = () => {
      while (sent < messages && sent - confirmed < window) {
        const topic = keys > 0 ? `plant/${sent % keys}` : 'plant'
        sent++
        runner.submit([{ topic, payload, qos: 1, retain: false, dup: false, receivedAt: 0 }], () => {
          if (++confirmed === messages) resolve()
          else if (confirmed % 500 === 0) submit()
        })
      }
    }
    submit()
  })
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - start) / 1000
  await runner.close(1000)
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}
