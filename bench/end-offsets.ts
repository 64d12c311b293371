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
      (await admin.fetchTopicOffsets(topic)).reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0),
    [Symbol.asyncDispose]: () => admin.disconnect(),
  }
}
