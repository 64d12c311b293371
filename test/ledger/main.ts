/**
 * Publishes numbered messages to a broker, waits until they have arrived, and prints the balance:
 *
 *   node test/ledger/main.ts --mqtt 1883 --topics plant/1,plant/2 --count 20000 --rate 1000 --qos 1 \
 *     --kafka 127.0.0.1:9092 --kafka-topic readings --dead-letter ~/.node-red/rowline/dead-letter --client-id nr-...
 *
 * `--rows <directory>` instead of `--kafka` reads the files of a file-sink. With `--client-id` what the broker still
 * holds for that session counts as held: give it only when the flow has been stopped. The flow has to keep the columns
 * `n` and `topic`. The exit code is 1 when something is lost or out of order.
 */
import { parseArgs } from 'node:util'
import { drainSession, type Numbered, publishNumbered } from '../services/publisher.ts'
import { balance, balanceLine, settled } from './ledger.ts'
import { readDeadLetters, readKafka, readMessage, readRows } from './read.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    mqtt: { ...text, default: '1883' },
    topics: { ...text, default: 'ledger/1,ledger/2' },
    count: { ...text, default: '1000' },
    rate: { ...text, default: '1000' },
    qos: { ...text, default: '1' },
    kafka: text,
    'kafka-topic': text,
    rows: text,
    'dead-letter': text,
    'client-id': text,
  },
})

const port = Number(values.mqtt)
const readTarget = async (): Promise<readonly Numbered[]> => {
  if (values.kafka && values['kafka-topic']) return await readKafka(values.kafka, values['kafka-topic'])
  if (values.rows) return readRows(values.rows)
  throw new Error('Say where the rows go: --kafka with --kafka-topic, or --rows')
}
const readDead = () => (values['dead-letter'] ? readDeadLetters(values['dead-letter']) : [])

await readTarget()
const published = await publishNumbered({
  port,
  topics: values.topics.split(','),
  count: Number(values.count),
  ratePerSecond: Number(values.rate),
  qos: Number(values.qos) as 0 | 1 | 2,
  first: Date.now() * 1000,
})
const first = published[0]!.number
const ours = (entries: readonly Numbered[]) => entries.filter(({ number }) => number >= first)
const progress = async () => ours(await readTarget()).length + ours(readDead()).length
await settled({ progress, queueIsEmpty: () => true, quietMs: 5000 })
const clientId = values['client-id']
const result = balance({
  published,
  confirmed: ours(await readTarget()),
  deadLettered: ours(readDead()),
  held: clientId === undefined ? [] : ours((await drainSession(port, clientId)).map(readMessage)),
})
process.stdout.write(`${balanceLine(result)}\n`)
process.exitCode = result.lost + result.outOfOrder > 0 ? 1 : 0
