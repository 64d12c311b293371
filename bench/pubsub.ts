/**
 * Publishing 1 KB messages to pstest: our sink behind its runner, and Google's Go client with the same batching, in turns:
 * `npm run bench:pubsub [rounds]`. Prints the medians, and writes bench/results/pubsub.json.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildGo } from '../test/services/go.ts'
import { runCommand } from '../test/services/processes.ts'
import { project, startPubsub } from '../test/services/pubsub.ts'
import { describeMachine } from './machine.ts'
import { type Load, type Measured, publishOwn, windowOf } from './pubsub/own.ts'
import { inTurn } from './rounds.ts'

type Publish = (load: Load) => Promise<Measured>

const cases = [
  { name: 'no ordering key', messages: 200_000, keys: 0, batchRecords: 1000 },
  { name: 'no ordering key, batches of 4,000', messages: 200_000, keys: 0, batchRecords: 4000 },
  { name: '100 ordering keys', messages: 100_000, keys: 100, batchRecords: 1000 },
  { name: '10,000 ordering keys', messages: 60_000, keys: 10_000, batchRecords: 1000 },
  { name: '10,000 ordering keys, batches of 20,000', messages: 100_000, keys: 10_000, batchRecords: 20_000 },
] as const

const rounds = Number(process.argv[2] ?? 5)
const goClient = await buildGo(join(import.meta.dirname, 'pubsub/go-client'), 'pubsub-go-client')

/**
 * The service takes 1000 messages in a request, and a batch of ours is several requests side by side where it is larger;
 * the Go client may have as many messages under way.
 */
const publishWithGo: Publish = async (load) => {
  const values = { project, ...load, batch: Math.min(1000, load.batchRecords), window: windowOf(load) }
  const flags = (['project', 'topic', 'messages', 'bytes', 'keys', 'batch', 'window'] as const).map(
    (name) => `-${name}=${values[name]}`,
  )
  return JSON.parse(await runCommand(goClient, flags, { env: { PUBSUB_EMULATOR_HOST: load.address } })) as Measured
}

const publishers = [
  { name: 'Rowline', publish: publishOwn },
  { name: 'Go client', publish: publishWithGo },
] as const

const found: {
  readonly case: string
  readonly publisher: string
  readonly perSecond: number
  readonly cpuUs: number
}[] = []
for (let round = 0; round < rounds; round++)
  for (const { name, ...load } of cases)
    for (const { name: publisher, publish } of inTurn(publishers, round)) {
      await using pubsub = await startPubsub({ topics: ['bench'], discard: true })
      const measured = await publish({ address: pubsub.address, topic: 'bench', bytes: 1024, ...load })
      const perSecond = Math.round(load.messages / measured.seconds)
      const cpuUs = Math.round((measured.cpuSeconds / load.messages) * 1e7) / 10
      found.push({ case: name, publisher, perSecond, cpuUs })
      console.log(`round ${round + 1}: ${publisher}, ${name}: ${perSecond} msg/s, ${cpuUs} us of CPU per message`)
    }

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
const of = (name: string, publisher: string, what: 'perSecond' | 'cpuUs') =>
  median(found.filter((one) => one.case === name && one.publisher === publisher).map((one) => one[what]))
const summary = cases.map(({ name }) => {
  const [own, go] = [of(name, 'Rowline', 'perSecond'), of(name, 'Go client', 'perSecond')]
  return {
    case: name,
    rowline: { perSecond: own, cpuUs: of(name, 'Rowline', 'cpuUs') },
    goClient: { perSecond: go, cpuUs: of(name, 'Go client', 'cpuUs') },
    ratio: Math.round((own / go) * 100) / 100,
  }
})
console.table(
  summary.map(({ case: name, rowline, goClient: go, ratio }) => ({
    name,
    rowline: rowline.perSecond,
    go: go.perSecond,
    ratio,
  })),
)
const results = join(import.meta.dirname, 'results')
await mkdir(results, { recursive: true })
const machine = await describeMachine()
await writeFile(join(results, 'pubsub.json'), `${JSON.stringify({ machine, rounds, summary, found }, null, 2)}\n`)
