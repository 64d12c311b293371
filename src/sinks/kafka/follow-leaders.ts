import type { ClusterMetadata, Connection, MessageToProduce, Producer } from '@platformatic/kafka'

type Library = typeof import('@platformatic/kafka')

interface Answer {
  readonly responses: readonly unknown[]
}
type Done = (error: Error | null, answer?: Answer) => void
type Produce = (
  connection: Connection,
  acks: number,
  timeoutMs: number,
  messages: readonly MessageToProduce[],
  options: object,
  done: Done,
) => void

type GetApi = (name: string, done: (error: Error | null, api?: Produce) => void) => void

/**
 * The library puts records together that have one leader when a send begins, and repeats them together at one broker
 * when their leaders have become several: for ever in vain. It also repeats with the leaders that it knows, once a
 * second question for them was answered too early. From now on each try finds the leader of each partition.
 */
export function followLeaders(library: Library, producer: Producer): void {
  const getApi = producer[library.kGetApi].bind(producer) as GetApi
  const withLeaders: GetApi = (name, done) =>
    getApi(name, (error, api) => done(error, name === 'Produce' && api ? byLeader(library, producer, api) : api))
  producer[library.kGetApi] = withLeaders as Producer[typeof library.kGetApi]
}

function byLeader(library: Library, producer: Producer, produce: Produce): Produce {
  return (connection, acks, timeoutMs, messages, options, done) => {
    const groups = groupByLeader(messages, producer.currentMetadata)
    const answered: Done = (error, answer) => {
      if (error && library.findErrorBy(error, 'hasStaleMetadata', true)) producer.clearMetadata()
      done(error, answer)
    }
    if (groups.size <= 1) return produce(connection, acks, timeoutMs, messages, options, answered)
    const brokers = producer.currentMetadata!.brokers
    const gathered = gather(library, groups.size, answered)
    for (const [leader, group] of groups) {
      producer[library.kGetConnection](brokers.get(leader)!, (error, leading) => {
        if (error) gathered(error)
        else produce(leading!, acks, timeoutMs, group, options, gathered)
      })
    }
  }
}

function groupByLeader(
  messages: readonly MessageToProduce[],
  metadata: ClusterMetadata | undefined,
): ReadonlyMap<number, readonly MessageToProduce[]> {
  const groups = new Map<number, MessageToProduce[]>()
  if (!metadata || metadata.brokers.size <= 1) return groups
  for (const message of messages) {
    const leader = metadata.topics.get(message.topic)?.partitions[message.partition!]?.leader ?? -1
    const group = groups.get(leader)
    if (group) group.push(message)
    else groups.set(leader, [message])
  }
  return groups
}

/** One answer of so many; what was stored stands in the error too. */
function gather(library: Library, count: number, done: Done): Done {
  const errors: Error[] = []
  const responses: unknown[] = []
  let open = count
  return (error, answer) => {
    if (error) errors.push(error)
    else responses.push(...(answer?.responses ?? []))
    if (--open > 0) return
    if (errors.length === 0) done(null, { responses })
    else
      done(new library.MultipleErrors('Not every leader has taken its records.', errors, { response: { responses } }))
  }
}
