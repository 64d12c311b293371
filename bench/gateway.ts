/**
 * What a small gateway can do: `npm run bench:gateway`, or for a small run that writes no files
 * `npm run bench:gateway -- --quick`. Node-RED has one core for itself (`taskset`) and the heap of a machine of 512 MB
 * (`--max-old-space-size`); broker, Kafka and the measuring share the other cores.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type FlowNode, type NodeRed, startNodeRed } from '../test/services/node-red.ts'
import { projectDirectory } from '../test/services/package.ts'
import { findProgram, runCommand, temporaryDirectory } from '../test/services/processes.ts'
import { describeMachine } from './machine.ts'
import { type Drain, drain, peakRss, rss, type Services } from './measure.ts'
import type { Variant } from './pipeline.ts'
import { isQuick, publish, withServices } from './stage.ts'
import { spread } from './summary.ts'
import { circumstances, decimal, table, whole } from './tables.ts'
import { batches, outbox, reading, readingOutbox } from './variants.ts'

const core = '0'
const heapMiB = 256
const settleMs = 3000
const starts = isQuick() ? 1 : 5
const load = isQuick()
  ? { payloadBytes: 272, warmUp: 500, messages: 3000 }
  : { payloadBytes: 272, warmUp: 10_000, messages: 100_000 }
const heap = { NODE_OPTIONS: `--max-old-space-size=${heapMiB}` }
const taskset = findProgram('taskset', 'util-linux')

/** All threads of a process, and those that they start, stay on these cores. */
const keepOn = (cores: string, pid: number) => runCommand(taskset, ['-acp', cores, String(pid)])

const confined = (variant: Variant): Variant => ({
  ...variant,
  open: async (settings) => {
    const pipeline = await variant.open({ ...settings, env: { ...settings?.env, ...heap } })
    await keepOn(core, pipeline.pid!)
    return pipeline
  },
})

const tab: FlowNode = { id: 'tab', type: 'tab', label: 'gateway' }
const onTab = (node: FlowNode): FlowNode => ({ ...node, z: tab.id, x: 100, y: 100 })
const kafkaFlow = (brokers: string): FlowNode[] => [
  tab,
  { id: 'cluster', type: 'kafka-cluster', brokers },
  onTab({ id: 'kafka', type: 'kafka-sink', cluster: 'cluster', topic: 'gateway', wires: [[], []] }),
]
/** The file is missing: the library is loaded, and no one is asked. */
const googleFlow: FlowNode[] = [
  {
    id: 'google',
    type: 'google-cloud',
    projectId: 'plant-one',
    credentialsMode: 'file',
    credentialsFile: 'nowhere.json',
  },
  onTab({ id: 'pubsub', type: 'pubsub-sink', cloud: 'google', topic: 'readings', wires: [[], []] }),
]

interface Start {
  readonly flow: string
  /** From the start of the process to "Started flows"; medians. */
  readonly seconds: number
  readonly rssMiB: number
  readonly peakRssMiB: number
}

/** Starts it some times with this flow. */
async function start(nodeRed: NodeRed, flow: string, nodes: readonly FlowNode[], sink?: string): Promise<Start> {
  await nodeRed.deploy(nodes)
  const found: { readonly seconds: number; readonly rssMiB: number; readonly peakRssMiB: number }[] = []
  for (let i = 0; i < starts; i++) {
    await nodeRed.stop()
    const began = performance.now()
    await nodeRed.restart()
    const seconds = (performance.now() - began) / 1000
    if (sink !== undefined) await nodeRed.statusIs(sink, ({ fill }) => fill === 'green' || fill === 'red', 60_000)
    await wait(settleMs)
    found.push({ seconds, rssMiB: rss(nodeRed.pid), peakRssMiB: peakRss(nodeRed.pid) })
  }
  const median = (of: keyof (typeof found)[number]) => spread(found.map((one) => one[of])).median
  const result = { flow, seconds: median('seconds'), rssMiB: median('rssMiB'), peakRssMiB: median('peakRssMiB') }
  console.log(JSON.stringify(result))
  return result
}

/** A Node.js that runs on one core from its first instruction on. */
function confinedNode(): string {
  const program = join(temporaryDirectory('gateway'), 'node')
  writeFileSync(program, `#!/bin/sh\nexec '${taskset}' -c ${core} '${process.execPath}' "$@"\n`, { mode: 0o755 })
  return program
}

async function startAll({ brokers }: Services): Promise<Start[]> {
  const script = join(projectDirectory, 'node_modules/node-red/red.js')
  await using nodeRed = await startNodeRed({ env: heap, gateway: { node: confinedNode(), script } })
  const kafka = kafkaFlow(brokers)
  return [
    await start(nodeRed, 'no node of ours', [tab]),
    await start(nodeRed, 'Kafka only', kafka, 'kafka'),
    await start(nodeRed, 'Kafka and Google', [...kafka, ...googleFlow], 'pubsub'),
  ]
}

async function drainAll(services: Services): Promise<Drain[]> {
  const drains: Drain[] = []
  for (const variant of [reading, batches, readingOutbox, outbox]) {
    drains.push(await drain(services, confined(variant), load))
    console.log(JSON.stringify(drains.at(-1)))
  }
  return drains
}

const machine = await describeMachine()
const last = availableParallelism() - 1
const others = last > 1 ? `1-${last}` : String(last)
await keepOn(others, process.pid)
await withServices(async (services) => {
  const started = await startAll(services)
  const drains = await drainAll(services)
  const date = new Date().toISOString()
  const titles = new Map([reading, batches, readingOutbox, outbox].map(({ name, title }) => [name, title]))
  const text = `# A small gateway

${circumstances('npm run bench:gateway', date, machine)}

Node-RED runs on core ${core} alone (\`taskset\`) with \`${heap.NODE_OPTIONS}\`, as on a gateway with 512 MB; broker, Kafka and
the measuring have core ${others}.

${table(
  ['Flow', 'start, s', 'RSS, MiB', 'peak RSS, MiB'],
  started.map(({ flow, seconds, rssMiB, peakRssMiB }) => [flow, decimal(seconds), whole(rssMiB), whole(peakRssMiB)]),
)}

Medians of ${starts} starts, from the start of the process to "Started flows"; RSS ${settleMs / 1000} s after the sinks have shown a status.

Drain of ${whole(load.messages)} readings of ${load.payloadBytes} B from mosquitto into Kafka, decoded, once:

${table(
  ['Flow', 'readings/s', 'CPU s / 100,000', 'peak RSS, MiB', 'lost', 'doubled', 'out of order'],
  drains.map((one) => [
    titles.get(one.variant)!,
    whole(one.ratePerSecond),
    decimal(one.cpuSecondsPer100k),
    whole(one.peakRssMiB),
    one.lost,
    one.duplicated,
    one.outOfOrder,
  ]),
)}
`
  publish('gateway', { date, machine, started, drains }, text)
})
