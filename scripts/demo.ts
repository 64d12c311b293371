import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type DemoBroker, type Factory, factoryTopics, startBroker, startFactory } from './demo-factory.ts'
import { type DemoNodeRed, exampleFlow, startNodeRed } from './demo-node-red.ts'
import { countLines, countRecords, type RowCounter } from './demo-rows.ts'

const help = `npm run demo
  A broker, a factory that publishes and a Node-RED that makes rows of its readings, with nothing else installed.
  KAFKA_BROKERS=host:port npm run demo   writes the rows to this Kafka instead of a file
  npm run demo -- --seconds N            ends by itself; fails unless every reading has become a row
  npm run demo -- --data DIR             an empty directory for all that is written, instead of demo-data`

const home = fileURLToPath(new URL('../demo-data', import.meta.url))
const REPORT_MS = 1000
const LAST_ROWS_MS = 10_000

interface Options {
  readonly seconds: number | undefined
  readonly directory: string
  readonly brokers: string | undefined
}

function readOptions(): Options {
  const options = { seconds: { type: 'string' }, data: { type: 'string' }, help: { type: 'boolean' } } as const
  const { values } = parseArgs({ options })
  if (values.help) {
    console.log(help)
    process.exit(0)
  }
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds)
  if (seconds !== undefined && !(seconds > 0)) throw new Error(`--seconds must be a number above 0\n${help}`)
  return { seconds, directory: path.resolve(values.data ?? home), brokers: process.env.KAFKA_BROKERS || undefined }
}

/** Our own directory is made afresh; another one must be empty. */
async function prepareDirectory(directory: string): Promise<void> {
  if (directory === home) await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  if ((await readdir(directory)).length > 0) throw new Error(`${directory} is not empty`)
}

function rowCounter({ directory, brokers }: Options): RowCounter | Promise<RowCounter> {
  const kafkaTopics = factoryTopics.map((topic) => topic.replaceAll('/', '_'))
  return brokers === undefined
    ? countLines(path.join(directory, 'rowline', 'rows.ndjson'))
    : countRecords(brokers, kafkaTopics)
}

/** The example as a user would import it, with the addresses set. */
function flowFor(port: number, brokers: string | undefined) {
  const source = { 'mqtt-v3-source': { host: '127.0.0.1', port: String(port) } }
  return brokers === undefined
    ? exampleFlow('01 First rows', source)
    : exampleFlow('02 MQTT to Kafka', { ...source, 'kafka-cluster': { brokers } })
}

interface Parts {
  readonly rows: RowCounter
  readonly broker: DemoBroker
  readonly nodeRed: DemoNodeRed
  readonly factory: Factory
}

/** Starts everything, hands it to `use`, and ends it in the opposite order. */
async function withParts<T>(options: Options, use: (parts: Parts) => Promise<T>): Promise<T> {
  const closing: (() => Promise<void>)[] = []
  try {
    await prepareDirectory(options.directory)
    const rows = await rowCounter(options)
    closing.unshift(() => rows.close())
    const broker = await startBroker(1883)
    closing.unshift(() => broker.close())
    console.log('Building the package and starting Node-RED …')
    const nodeRed = await startNodeRed(options.directory, await flowFor(broker.port, options.brokers))
    closing.unshift(() => nodeRed.close())
    announce(nodeRed.url, broker.port, rows, options.directory)
    await Promise.race([broker.subscribed, nodeRed.ended])
    const factory = await startFactory(broker.port)
    closing.unshift(() => factory.stop())
    return await use({ rows, broker, nodeRed, factory })
  } finally {
    for (const close of closing) await close()
  }
}

function announce(url: string, port: number, { place }: RowCounter, directory: string): void {
  console.log(`
  Editor       ${url}
  MQTT broker  127.0.0.1:${port} with the topics factory_iot/north/101 to factory_iot/east/106
  Rows         ${place}
  Data         ${directory} (Node-RED's user directory and its log)

Ctrl-C ends everything.
`)
}

/** Returns how many readings were published and how many rows they have become. */
async function run({ rows, nodeRed, factory }: Parts, signal: AbortSignal) {
  await Promise.race([reportEverySecond(rows, factory, signal), nodeRed.ended])
  await factory.stop()
  const deadline = Date.now() + LAST_ROWS_MS
  while ((await rows.count()) < factory.published && Date.now() < deadline) await wait(50)
  return { published: factory.published, arrived: await rows.count(), name: rows.name }
}

async function reportEverySecond(rows: RowCounter, factory: Factory, signal: AbortSignal): Promise<void> {
  for (let shown = false; !signal.aborted; ) {
    await wait(REPORT_MS, undefined, { signal }).catch(() => {})
    const arrived = number(await rows.count())
    const time = new Date().toTimeString().slice(0, 8)
    console.log(`${time} ${number(factory.published)} readings published ${arrived} rows in ${rows.name}`)
    if (!shown && rows.sample) console.log(`         the first row: ${rows.sample}`)
    shown ||= rows.sample !== undefined
  }
}

const number = (value: number) => value.toLocaleString('en-US').padStart(9)

async function main(): Promise<void> {
  const options = readOptions()
  const { seconds } = options
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort())
  const { published, arrived, name } = await withParts(options, (parts) => {
    const end = seconds === undefined ? [] : [AbortSignal.timeout(seconds * 1000)]
    return run(parts, AbortSignal.any([interrupt.signal, ...end]))
  })
  console.log(`${published} readings published, ${arrived} rows in ${name}`)
  if (seconds !== undefined && (arrived === 0 || arrived < published)) process.exitCode = 1
}

await main().catch((error: Error) => {
  console.error(`demo failed: ${error.message}`)
  process.exitCode = 1
})
