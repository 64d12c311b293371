import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Record } from '../../src/core/record.ts'
import type { TopicFacts } from '../../src/sinks/kafka/client.ts'
import { TopicCare } from '../../src/sinks/kafka/topic-care.ts'
import { TopicRemarks } from '../../src/sinks/kafka/topic-remarks.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, startKafka } from '../services/kafka.ts'
import { createTopic, deleteTopic, describeTopic, readTopic, reserveTopic } from '../services/kafka-topics.ts'
import { describeForClients, forever } from './kafka-harness.ts'

const topicName = () => `care-${randomUUID()}`

describe('a topic is looked at before it is written', () => {
  let kafka: Kafka
  before(async () => {
    kafka = await startKafka({ secure: true })
  })
  after(() => kafka.stop())

  describeForClients('with the client', (createKafkaSink, client) => {
    const bob = () => ({ brokers: kafka.secure.sasl, saslMechanism: 'PLAIN', user: 'bob', password: 'bob-secret' })
    /** Opens a sink, writes these records and gives what it has warned of. */
    async function warningsOf(
      sinkOptions: { readonly [option: string]: unknown },
      records: readonly Record[] = [],
      cluster: { readonly [option: string]: unknown } = { brokers: kafka.brokers },
    ): Promise<readonly string[]> {
      const warnings: string[] = []
      const sink = createKafkaSink({ cluster, sink: sinkOptions, warn: (message) => warnings.push(message) })
      try {
        await sink.open(forever)
        if (records.length > 0)
          await sink.write(
            records.map((record) => sink.prepare(record).request),
            forever,
          )
      } finally {
        await sink.close()
      }
      return warnings
    }

    it('one that nobody else keeps is said at the start', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic)
      assert.deepEqual(await warningsOf({ topic }), [
        `The Kafka topic ${topic} has one replica: when its broker is lost, what it has confirmed is lost`,
      ])
    })

    it('each weakness is said once, with all topics that have it, whether found or created', async () => {
      const [first, second, third] = [topicName(), topicName(), topicName()]
      await createTopic(kafka.brokers, first)
      await createTopic(kafka.brokers, third, 1, { 'max.message.bytes': '100000' })
      const to = (...names: readonly string[]) => names.map((name, n) => reading(n, { to: name }))
      const warnings = await warningsOf({}, to(first, second, third, second))
      assert.deepEqual(warnings, [
        `Each of 3 Kafka topics (${first}, ${second}, ${third}) has one replica: when its broker is lost, what it has confirmed is lost`,
        `The Kafka topic ${third} refuses records over 100000 bytes (max.message.bytes), and "Largest record" lets 1048576 through`,
        `The Kafka topic ${third} refuses batches over 100000 bytes (max.message.bytes), and "Batch bytes" is 524288: they are written in parts, which is slow`,
      ])
      const fitting = await warningsOf({ maxMessageBytes: 100_000, batchBytes: 100_000 }, to(third))
      assert.equal(fitting.length, 1)
    })

    it('one that may be seen and not written is red, until the right is there', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic)
      await reserveTopic(kafka.brokers, topic, 'bob', ['READ', 'DESCRIBE'])
      const message = `The Kafka topic ${topic} does not allow this: the user may see it and not write there. Ask for the right to write there.`
      const refused = { code: 'TARGET_AUTHORIZATION' }
      // kafkajs cannot ask for rights: it is told when it writes.
      if (client === 'platformatic') await assert.rejects(warningsOf({ topic }, [], bob()), { ...refused, message })
      const writing = warningsOf({}, [reading(1, { to: topic })], bob())
      await assert.rejects(writing, client === 'platformatic' ? { ...refused, message } : refused)
      await reserveTopic(kafka.brokers, topic, 'bob', ['WRITE'])
      await warningsOf({ topic }, [reading(1)], bob())
      assert.equal((await readTopic(kafka.brokers, topic)).length, 1)
    })

    it('one whose settings are secret is written, with a word about what can be seen', async () => {
      const [secret, open] = [topicName(), topicName()]
      for (const topic of [secret, open]) await createTopic(kafka.brokers, topic, 1, { 'max.message.bytes': '100000' })
      await reserveTopic(kafka.brokers, secret, 'bob', ['WRITE', 'DESCRIBE'])
      const warnings = await warningsOf({}, [reading(1, { to: secret }), reading(2, { to: open })], bob())
      assert.deepEqual(
        warnings.map((text) => [text.includes(secret), text.includes(open)]),
        [
          [true, true],
          [false, true],
          [false, true],
        ],
      )
    })

    it('one that was deleted and made again meanwhile is written', async () => {
      const topic = topicName()
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: { topic } })
      await sink.open(forever)
      const write = () => sink.write([sink.prepare(reading(1)).request], forever)
      await write()
      await deleteTopic(kafka.brokers, topic)
      await assert.rejects(write, { code: 'TARGET_MISSING' })
      await write()
      await sink.close()
      assert.equal((await readTopic(kafka.brokers, topic)).length, 1)
    })

    it('a topic that is created keeps its records as long as the form says, else as long as the cluster does', async () => {
      const [week, usual] = [topicName(), topicName()]
      await warningsOf({ retentionMs: '36 h', replication: 1 }, [reading(1, { to: week })])
      await warningsOf({}, [reading(1, { to: usual })])
      const retention = async (topic: string) =>
        (await describeTopic(kafka.brokers, topic)).settings.get('retention.ms')
      assert.deepEqual([await retention(week), await retention(usual)], ['129600000', '604800000'])
    })
  })
})

describe('what is said of a topic', () => {
  const settings = (inSync: string, largest = '2000000') =>
    new Map([
      ['min.insync.replicas', inSync],
      ['max.message.bytes', largest],
    ])
  const table: readonly (readonly [string, Partial<TopicFacts>, readonly RegExp[], kind?: string])[] = [
    ['three replicas of which two confirm', { replicas: 3, settings: settings('2') }, []],
    ['one replica', { replicas: 1, settings: settings('1') }, [/has one replica/], 'oneReplica'],
    [
      'three replicas of which one confirms',
      { replicas: 3, settings: settings('1') },
      [/min\.insync\.replicas=1: it/],
      'oneInSync',
    ],
    ['fewer replicas than have to confirm', { replicas: 2, settings: settings('3') }, [/=3 and 2 replicas: older/]],
    [
      'a size limit below ours',
      { replicas: 3, settings: settings('2', '600') },
      [/refuses records/, /refuses batches/],
    ],
    ['a size limit between ours', { replicas: 3, settings: settings('2', '700') }, [/refuses records over 700/]],
    ['nothing, where only the replicas are known', { replicas: 3, settings: undefined }, []],
  ]
  for (const [what, facts, expected, kind] of table) {
    it(what, async () => {
      const warnings: string[] = []
      const told = { replicas: 3, mayWrite: undefined, settings: undefined, ...facts }
      const describeAll = async (topics: readonly string[]) => new Map(topics.map((topic) => [topic, told]))
      const remarks = new TopicRemarks('Kafka', new Set(), (text) => warnings.push(text))
      const care = new TopicCare({ maxMessageBytes: 1000, batchBytes: 650 }, describeAll, remarks)
      await care.check(['a', 'b'])
      await care.check(['b', 'c'])
      remarks.say()
      assert.equal(warnings.length, expected.length, warnings.join('\n'))
      for (const [i, pattern] of expected.entries()) assert.match(warnings[i]!, pattern)
      assert.deepEqual(care.weaknesses, kind === undefined ? [] : [{ kind, topics: ['a', 'b', 'c'] }])
    })
  }
})

describe('a remark about topics', () => {
  const one = 'has one replica'

  it('waits for further topics, then longer for those that come late', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const warnings: string[] = []
    const remarks = new TopicRemarks('Kafka', new Set(), (text) => warnings.push(text))
    for (const topic of ['a', 'b', 'a', 'c']) remarks.note(topic, one)
    const passed = async (ms: number) => {
      t.mock.timers.tick(ms)
      await new Promise(setImmediate)
    }
    await passed(4999)
    assert.deepEqual(warnings, [])
    await passed(1)
    assert.deepEqual(warnings.splice(0), ['Each of 3 Kafka topics (a, b, c) has one replica'])
    remarks.note('d', one)
    await passed(9999)
    assert.deepEqual(warnings, [])
    await passed(1)
    assert.deepEqual(warnings, ['The Kafka topic d has one replica'])
  })

  it('is not made again by the sink that a deploy puts in its place, but about another cluster', () => {
    const said = new Set<string>()
    const warnings: string[] = []
    for (const [cluster, topic] of [
      ['here', 'a'],
      ['here', 'a'],
      ['there', 'a'],
    ] as const) {
      const remarks = new TopicRemarks(cluster, said, (text) => warnings.push(`${cluster}: ${text}`))
      remarks.note(topic, one)
      remarks.say()
    }
    assert.deepEqual(warnings, ['here: The Kafka topic a has one replica', 'there: The Kafka topic a has one replica'])
  })

  it('names some of very many topics', () => {
    const warnings: string[] = []
    const remarks = new TopicRemarks('Kafka', new Set(), (text) => warnings.push(text))
    for (let n = 0; n < 500; n++) remarks.note(`t${n}`, one)
    remarks.say()
    assert.match(warnings[0]!, /^Each of 500 Kafka topics \(t0, t1, .*, t19, …\) has one replica$/)
  })
})
