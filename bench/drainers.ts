import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FlowNode, startNodeRed } from '../test/services/node-red.ts'
import { findProgram, type Running, runCommand, startProcess } from '../test/services/processes.ts'
import { peerCache } from './peers/install.ts'

/** A session that waits at a broker on 127.0.0.1. */
export interface Session {
  readonly port: number
  readonly clientId: string
  readonly filter: string
  readonly messages: number
  /** The authority of the broker's certificate; absent: no TLS. */
  readonly caFile?: string
}

/** What empties sessions, in a process of its own. When it has one, it prints `drained <client id> <first ms> <last ms>`. */
export interface Drainer extends AsyncDisposable {
  /** Undefined before there is a process. */
  readonly pid: number | undefined
  output(): string
  drain(session: Session): Promise<void>
  stop(): Promise<void>
}

export interface DrainerKind {
  readonly name: string
  readonly title: string
  /** Its code is compiled while it runs: a first session, not counted, goes through the same process. */
  readonly warmsUp: boolean
  open(): Promise<Drainer>
}

const tab: FlowNode = { id: 'tab', type: 'tab', label: 'bench' }
const onTab = (node: FlowNode): FlowNode => ({ ...node, z: tab.id, x: 100, y: 100 })

function flow({ port, clientId, filter, messages, caFile }: Session, output: string, between: readonly FlowNode[]) {
  const secure = caFile === undefined ? {} : { useTls: true, ca: caFile }
  const subscriptions = [{ filter, qos: '1', route: '', to: '', partitions: '' }]
  const first = between[0]?.id ?? 'count'
  return [
    tab,
    { id: 'source', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(port), clientId, ...secure },
    onTab({ id: 'in', type: 'mqtt-v3-in', source: 'source', subscriptions, output, wires: [[first], []] }),
    ...between.map((node, i) => onTab({ ...node, wires: [[between[i + 1]?.id ?? 'count']] })),
    onTab({ id: 'count', type: 'bench-count', session: clientId, messages, wires: [] }),
  ]
}

function rowline(name: string, title: string, output: string, between: readonly FlowNode[] = []): DrainerKind {
  return {
    name,
    title,
    warmsUp: true,
    open: async () => {
      const nodeRed = await startNodeRed({ nodesDir: join(import.meta.dirname, 'nodes') })
      return {
        get pid() {
          return nodeRed.pid
        },
        output: nodeRed.log,
        drain: (session) => nodeRed.deploy(flow(session, output, between)),
        stop: nodeRed.stop,
        [Symbol.asyncDispose]: nodeRed.kill9,
      }
    },
  }
}

export const batches = rowline('batches', 'Rowline, batches', 'batches')
export const readings = rowline('readings', 'Rowline, one message per reading', 'reading')

/** A flow that needs so long for each reading. */
export const slow = (ms: number): DrainerKind =>
  rowline('slow', `Rowline behind a flow of ${ms} ms`, 'reading', [
    { id: 'slow', type: 'delay', pauseType: 'delay', timeout: String(ms), timeoutUnits: 'milliseconds', outputs: 1 },
  ])

const crate = join(import.meta.dirname, 'peers/rumqttc')

export async function installRumqttc(): Promise<{ readonly kind: DrainerKind; readonly versions: string }> {
  const directory = join(peerCache, 'rumqttc')
  const place = ['--manifest-path', join(crate, 'Cargo.toml'), '--target-dir', directory]
  await runCommand(findProgram('cargo', 'cargo'), ['build', '--release', '--locked', '--quiet', ...place])
  const lock = readFileSync(join(crate, 'Cargo.lock'), 'utf8')
  const version = (name: string) => `${name} ${new RegExp(`name = "${name}"\nversion = "(.*)"`).exec(lock)![1]}`
  const compiler = (await runCommand(findProgram('rustc', 'rustc'), ['--version'])).split(' ', 2).join(' ')
  const versions = [...['rumqttc', 'rustls', 'tokio'].map(version), compiler].join(', ')
  const program = join(directory, 'release/source')
  const kind = { name: 'rumqttc', title: 'rumqttc, manual acks', warmsUp: false, open: async () => drainer(program) }
  return { kind, versions }
}

function drainer(program: string): Drainer {
  let running: Running | undefined
  const kill = async () => void (await running?.kill())
  return {
    get pid() {
      return running?.pid
    },
    output: () => running?.output() ?? '',
    drain: async ({ port, clientId, filter, messages, caFile }) => {
      const args = [String(port), clientId, filter, String(messages), ...(caFile === undefined ? [] : [caFile])]
      running = startProcess(program, args, { name: 'rumqttc' })
    },
    stop: kill,
    [Symbol.asyncDispose]: kill,
  }
}
