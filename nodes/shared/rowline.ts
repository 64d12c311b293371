import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Node, NodeAPI } from 'node-red'
import type { NodeDeclaration } from '../../src/config/declaration.ts'
import { parseFields } from '../../src/config/fields.ts'
import { type Settings, settingsFields } from '../../src/config/settings.ts'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { messageOf, PipelineError } from '../../src/core/errors.ts'
import type { Tally } from '../../src/core/tally.ts'
import type { Gauge } from '../../src/metrics/gauge.ts'
import { ConnectionPool } from '../../src/mqtt/connection-pool.ts'
import type { SinkDefinition } from '../../src/sinks/definition.ts'
import { DeadLetters } from './dead-letters.ts'
import { serveNumbers } from './endpoints.ts'
import { FlowTracker, type Hooks } from './flow-tracker.ts'
import type { Holder } from './handle.ts'
import { LateSenders } from './late-senders.ts'
import { leftOutboxes } from './left-outboxes.ts'
import type { NodeLabels, RedNode } from './metrics.ts'
import { isOfSource } from './mqtt-connections.ts'
import { PipelineWatch } from './pipeline-watch.ts'
import { servePreview } from './preview.ts'
import { openReason } from './red-reason.ts'
import { SeenTopics } from './seen-topics.ts'
import { SessionFiles } from './session-files.ts'
import type { RowlineSnapshot } from './snapshot.ts'
import { Tallies } from './tallies.ts'

/** What still waited in an outbox when its node was closed. */
export interface LeftOutbox {
  readonly directory: string
  readonly entries: number
}

/** What all Rowline nodes of one Node-RED share. */
export class Rowline {
  readonly directory: string
  readonly memory: ByteBudget
  readonly pool = new ConnectionPool(new SessionFiles((id) => this.pathOf('sessions', { id })))
  readonly tracker: FlowTracker
  readonly types = new Set<string>()
  /** By node type. */
  readonly declarations = new Map<string, NodeDeclaration>()
  readonly sinks = new Map<string, SinkDefinition>()
  readonly #pipelines: PipelineWatch
  /** The ids of their sources by those of the `mqtt-v3-in` nodes that are red. */
  readonly redInputs = new Map<string, string>()
  /** By node id, until the node is there again. */
  readonly leftOutboxes = new Map<string, LeftOutbox>()
  /** The folders of all sinks so far. */
  readonly outboxFolders = new Set<string>()
  /** How many questions of the editor are being answered over the network. */
  asking = 0
  /** Kept over redeploys. */
  readonly seenTopics = new SeenTopics()
  /** Of all nodes that show rows to Prometheus. */
  readonly gauges = new Set<Gauge>()
  readonly #waiting = new Set<() => void>()
  readonly #lateSenders: LateSenders
  readonly #tallies = new Tallies()
  readonly #nameOfFlow: (node: Node) => string
  readonly #red = new Map<string, RedNode>()
  readonly #said = new Map<string, Set<string>>()
  readonly #deadLetterBytes: number
  readonly #deadLetters = new Map<string, DeadLetters>()
  readonly #watched = new Set<() => RowlineSnapshot['nodes'][number]>()
  #instance: string | undefined

  constructor(RED: NodeAPI) {
    this.directory = path.resolve(RED.settings.userDir ?? '.')
    // For nodes that read our files: Node-RED tells them no user directory, and relative paths mean another one to them.
    process.env.ROWLINE_FILES = path.join(this.directory, 'rowline')
    const settings = readSettings(RED)
    this.memory = new ByteBudget(settings.memoryBytes)
    this.#deadLetterBytes = settings.deadLetterBytes
    this.#nameOfFlow = (node) => String(settingOf(RED, node, 'NR_FLOW_NAME') ?? '')
    serveNumbers(RED, settings, () => ({
      snapshot: this.snapshot(),
      tallies: this.#tallies.values(),
      gauges: this.gauges,
      labelsOf: (id) => this.#tallies.get(id)?.labels,
      maxUnconfirmedAgeMs: settings.maxUnconfirmedAgeMs,
      red: this.#red.values(),
    }))
    servePreview(RED, {
      declarations: this.declarations,
      sinks: this.sinks,
      variable: (name, id) => {
        const value = settingOf(RED, RED.nodes.getNode(id) ?? undefined, name)
        return value === undefined || value === null ? undefined : String(value)
      },
    })
    this.#pipelines = new PipelineWatch(RED, {
      types: this.declarations,
      snapshot: () => this.snapshot(),
      tallyOf: (id) => this.#tallies.get(id)?.tally,
    })
    const currentNode = (id: string) => RED.nodes.getNode(id) as Holder | undefined
    this.#lateSenders = new LateSenders(currentNode)
    this.tracker = new FlowTracker(RED.hooks as unknown as Hooks, {
      lateSend: (node) => this.#lateSenders.note(node),
      isRowline: (type) => this.types.has(type),
      currentNode,
    })
    this.tracker.redeploying = true
    this.pool.isMissing = (key) => isOfSource(key, this.redInputs.values())
    RED.events.on('flows:stopping', () => {
      this.tracker.redeploying = true
      this.pool.suspend()
    })
    RED.events.on('flows:started', () => this.#started())
    RED.events.once('flows:started', () => void this.#warnOfLeftOutboxes((text) => RED.log.warn(`Rowline: ${text}`)))
  }

  /** Whether every node of every flow is there. Until then Node-RED drops what is sent, without a word. */
  get running(): boolean {
    return !this.tracker.redeploying
  }

  /** Calls back each time all nodes run, at once if they do. Returns what ends it. */
  onRunning(callback: () => void): () => void {
    this.#waiting.add(callback)
    if (this.running) callback()
    return () => this.#waiting.delete(callback)
  }

  /** Includes a source, decoder or sink in `snapshot`. Returns what ends it. */
  watch(node: () => RowlineSnapshot['nodes'][number]): () => void {
    this.#watched.add(node)
    return () => this.#watched.delete(node)
  }

  /** It outlives redeploys of the node: a counter that goes back is a new one for whoever reads it. */
  tallyOf(node: Node): Tally {
    return this.#tallies.of(node.id, this.#labelsOf(node))
  }

  #labelsOf(node: Node): NodeLabels {
    const { id, type, name } = node
    return { pipeline: this.#nameOfFlow(node), node: name || id, type }
  }

  /** Until it is closed, health says that its configuration is wrong. */
  noteRed(node: Node, problem: string, code: string | undefined): void {
    const reason = openReason(problem, code, this.declarations.values())
    this.#red.set(node.id, { labels: this.#labelsOf(node), problem: reason })
    node.on('close', () => this.#red.delete(node.id))
  }

  /** What a sink has said since Node-RED started: it outlives redeploys of the node. */
  saidBy({ id }: Node): Set<string> {
    const said = this.#said.get(id) ?? new Set()
    this.#said.set(id, said)
    return said
  }

  snapshot(): RowlineSnapshot {
    return {
      memory: { heldBytes: this.memory.held, maxBytes: this.memory.maxBytes },
      lateCompletions: this.tracker.late,
      lateSenders: this.#lateSenders.ids,
      nodes: [...this.#watched].map((snapshot) => snapshot()),
    }
  }

  /** `<userDir>/rowline/<purpose>/<node path>`. The id of a node in a subflow instance holds the instance's. */
  pathOf(purpose: string, node: { readonly id: string }): string {
    return path.join(this.directory, 'rowline', purpose, node.id.replace(/[^\w.-]/g, '_'))
  }

  /** Of a config node, which has no outputs: open as long as Node-RED runs. */
  deadLettersOf(node: Node): DeadLetters {
    const known = this.#deadLetters.get(node.id)
    if (known) return known
    const deadLetters = this.createDeadLetters(node)
    this.#deadLetters.set(node.id, deadLetters)
    return deadLetters
  }

  /** For whoever closes them. */
  createDeadLetters(node: Node): DeadLetters {
    return new DeadLetters({
      directory: this.pathOf('dead-letter', node),
      source: node.id,
      maxBytes: this.#deadLetterBytes,
      memory: this.memory,
      warn: (message) => node.warn(message),
    })
  }

  /** Stable per node, and different in two installations that have imported the same flow. At most 23 characters. */
  clientId(node: { readonly id: string }): string {
    this.#instance ??= readInstance(path.join(this.directory, 'rowline', 'instance'))
    return `nr-${createHash('sha256').update(`${this.#instance}/${node.id}`).digest('hex').slice(0, 12)}`
  }

  #started(): void {
    this.tracker.redeploying = false
    this.#lateSenders.clear()
    for (const callback of this.#waiting) callback()
    setImmediate(() => {
      this.tracker.releaseLost()
      this.pool.resume()
    })
    this.#pipelines.judge()
  }

  async #warnOfLeftOutboxes(warn: (text: string) => void): Promise<void> {
    for await (const text of leftOutboxes(path.join(this.directory, 'rowline', 'outbox'), this.outboxFolders))
      warn(text)
  }
}

/** Flow, group and subflow variables, then those of the process, as Node-RED itself looks them up. */
export function settingOf(RED: NodeAPI, node: Node | undefined, name: string): unknown {
  return (RED.util as unknown as { getSetting(node: Node | undefined, name: string): unknown }).getSetting(node, name)
}

/** By Node-RED's event bus, which all its node modules share. */
const instances = new WeakMap<object, Rowline>()

export function rowlineOf(RED: NodeAPI): Rowline {
  const known = instances.get(RED.events)
  if (known) return known
  const rowline = new Rowline(RED)
  instances.set(RED.events, rowline)
  return rowline
}

/** A mistake there must not keep a pipeline from running that has run before. */
function readSettings(RED: NodeAPI): Settings {
  const { rowline = {} } = RED.settings as { rowline?: { readonly [name: string]: unknown } }
  const { config, problems } = parseFields(settingsFields, rowline)
  for (const { field, problem } of problems)
    RED.log.error(`Rowline: settings.js: rowline.${field} ${problem.text}; the default is used`)
  for (const name of Object.keys(rowline).filter((each) => !Object.hasOwn(settingsFields, each)))
    RED.log.error(
      `Rowline: settings.js: rowline.${name} is no setting; there are ${Object.keys(settingsFields).join(', ')}`,
    )
  return config ?? parseFields(settingsFields, {}).config!
}

function readInstance(file: string): string {
  try {
    const known = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (known !== '') return known
    const instance = randomUUID()
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, instance, { flush: true })
    return instance
  } catch (error) {
    throw new PipelineError('FILE_FAILED', { path: file, problem: messageOf(error) }, error)
  }
}
