import { join } from 'node:path'
import { type FlowNode, startNodeRed } from '../test/services/node-red.ts'
import { type Running, startProcess } from '../test/services/processes.ts'

/** Where a pipeline finds its readings and puts them. */
export interface Place {
  readonly mqttPort: number
  readonly clientId: string
  readonly filter: string
  readonly brokers: string
  readonly kafkaTopic: string
}

/** What moves the readings of one MQTT session into one Kafka topic, in a process of its own. */
export interface Pipeline extends AsyncDisposable {
  /** Undefined while there is no process. */
  readonly pid: number | undefined
  output(): string
  /** Moves what is there and whatever comes; what it moved before, it leaves. */
  move(place: Place): Promise<void>
  kill9(): Promise<void>
  /** Goes on after `kill9`, with whatever it has kept on disk. */
  restart(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
}

export interface OpenOptions {
  readonly env?: { readonly [name: string]: string }
}

/** A way to build a pipeline. */
export interface Variant {
  readonly name: string
  readonly title: string
  /** When it acknowledges a reading to the broker. */
  readonly acknowledges: string
  /** Its code is compiled while it runs: a first session, not counted, goes through the same process. */
  readonly warmsUp: boolean
  open(options?: OpenOptions): Promise<Pipeline>
}

/** A flow in a Node-RED of its own. */
export async function openNodeRed(flow: (place: Place) => FlowNode[], { env }: OpenOptions = {}): Promise<Pipeline> {
  const nodesDir = join(import.meta.dirname, 'nodes')
  const nodeRed = await startNodeRed({ nodesDir, ...(env ? { env } : {}) })
  return {
    get pid() {
      return nodeRed.pid
    },
    output: nodeRed.log,
    move: (place) => nodeRed.deploy(flow(place)),
    kill9: nodeRed.kill9,
    restart: nodeRed.restart,
    stop: nodeRed.stop,
    [Symbol.asyncDispose]: nodeRed.kill9,
  }
}

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: { readonly [name: string]: string }
}

/** A program that gets its place when it is started. */
export function openProgram(name: string, commandFor: (place: Place) => Command): Pipeline {
  let running: Running | undefined
  let command: Command
  const start = () => {
    const { program, args, env = {} } = command
    running = startProcess(program, args, { name, env })
  }
  const kill9 = async () => void (await running?.kill())
  const stop = async () => void (await running?.stop())
  return {
    get pid() {
      return running?.isRunning() ? running.pid : undefined
    },
    output: () => running?.output() ?? '',
    move: async (place) => {
      await stop()
      command = commandFor(place)
      start()
    },
    kill9,
    restart: async () => start(),
    stop,
    [Symbol.asyncDispose]: kill9,
  }
}
