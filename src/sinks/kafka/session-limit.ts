import type { KafkaClient } from './client.ts'

/**
 * Half of the sequence numbers that a partition has within one producer session. Neither library goes on after the
 * last one as Kafka wants it: every further write would be refused until `deliveryTimeoutMs` is over.
 */
const recordsPerSession = 2 ** 30

/** `client`, with a new session before so many records have been sent in one. */
export function limitSessions(client: KafkaClient, limit = recordsPerSession): KafkaClient {
  let sent = 0
  return {
    connect: () => client.connect(),
    partitions: (topic) => client.partitions(topic),
    describe: (topics) => client.describe(topics),
    createTopic: (topic, settings) => client.createTopic(topic, settings),
    close: () => client.close(),
    send: async (requests) => {
      if (sent + requests.length > limit) {
        await client.close()
        sent = 0
      }
      sent += requests.length
      await client.send(requests)
    },
  }
}
