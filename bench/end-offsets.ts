import { setTimeout as wait } from 'node:timers/promises'
import kafkajs from 'kafkajs'

/** How many records topics hold, asked over one connection. */
export interface EndOffsets extends AsyncDisposable {
  total(topic: string): Promise<number>
}

export async function connectEndOffsets(brokers: string): Promise<EndOffsets> {
  const { Kafka, logLevel } = kafkajs
  const admin = new Kafka({ clientId: 'bench-ends', brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  return {
    total: async (topic) =>
      (await whenLed(() => admin.fetchTopicOffsets(topic))).reduce(
        (sum, { high, low }) => sum + Number(high) - Number(low),
        0,
      ),
    [Symbol.asyncDispose]: () => admin.disconnect(),
  }
}

/** A topic that has just been created may not have all its leaders yet. */
async function whenLed<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof kafkajs.KafkaJSError && error.retriable) || tries === 50) throw error
      await wait(100)
    }
}
