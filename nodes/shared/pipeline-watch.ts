import type { NodeAPI } from 'node-red'
import { messageOf } from '../../src/core/errors.ts'
import type { Tally } from '../../src/core/tally.ts'
import { sharedFilter } from '../../src/core/topic-filter.ts'
import { classTexts, entryOf, type Finding } from './guarantee/findings.ts'
import type { FlowNode, Place } from './guarantee/flow-graph.ts'
import { type OwnType, type Pipeline, pipelinesOf, withFacts } from './guarantee/pipelines.ts'
import { failingAt, failureView, sinkView } from './node-views.ts'
import type { PipelineView } from './pipeline-view.ts'
import type { RowlineNode } from './register-node.ts'
import type { RowlineSnapshot } from './snapshot.ts'

export const pipelinesPath = '/rowline/pipelines'

/** How often it is looked whether something has turned out since the deploy. */
const LOOK_MS = 5000
/** How long an answer is good for: each viewer asks once a second. */
const KEPT_MS = 900

interface Watched {
  readonly types: ReadonlyMap<string, OwnType>
  readonly snapshot: () => RowlineSnapshot
  readonly tallyOf: (id: string) => Tally | undefined
}

/** What the pipelines of this Node-RED promise and do: said in the log, and asked for by the sidebar. */
export class PipelineWatch {
  readonly #RED: NodeAPI
  readonly #watched: Watched
  #deployed: readonly Pipeline[] = []
  #views: readonly PipelineView[] | undefined
  #names: ReadonlyMap<string, string> = new Map()
  /** By source: what was last said of it. */
  #said = new Map<string, string>()
  /** Said once, not every few seconds. */
  #failure = ''

  constructor(RED: NodeAPI, watched: Watched) {
    this.#RED = RED
    this.#watched = watched
    RED.httpAdmin?.get(pipelinesPath, RED.auth.needsPermission('rowline.read'), (_request, response) => {
      response.set('Cache-Control', 'no-store').json(this.views())
    })
    setInterval(() => this.#tried(() => this.#say()), LOOK_MS).unref()
  }

  /** All flows have started. Never throws: what a flow promises must not keep it from running. */
  judge(): void {
    this.#tried(() => this.#judge())
  }

  #tried(work: () => void): void {
    try {
      work()
    } catch (error) {
      const text = `what the pipelines promise cannot be told: ${messageOf(error)}`
      if (text !== this.#failure) this.#RED.log.error(`Rowline: ${text}`)
      this.#failure = text
    }
  }

  #judge(): void {
    const flow: FlowNode[] = []
    this.#RED.nodes.eachNode((node) => flow.push(node as unknown as FlowNode))
    const running = (id: string) => (this.#RED.nodes.getNode(id) as RowlineNode<object> | undefined)?.config
    this.#names = new Map(flow.filter(({ type }) => type === 'tab').map(({ id, label }) => [id, String(label ?? id)]))
    this.#deployed = pipelinesOf(flow, { types: this.#watched.types, running })
    for (const id of this.#said.keys())
      if (!this.#deployed.some(({ source }) => source.id === id)) this.#said.delete(id)
    this.#views = undefined
    for (const [id, text] of this.#said) if (text !== '') this.#said.set(id, 'before')
    this.#say()
  }

  /** Worked out once for all who ask within 900 ms. */
  views(): readonly PipelineView[] {
    if (this.#views) return this.#views
    const snapshot = this.#watched.snapshot()
    const byId = new Map(snapshot.nodes.map((node) => [node.id, node]))
    this.#views = this.#pipelines(snapshot).map((pipeline) => this.#view(pipeline, byId))
    setTimeout(() => (this.#views = undefined), KEPT_MS).unref()
    return this.#views
  }

  #pipelines(snapshot: RowlineSnapshot): readonly Pipeline[] {
    const facts = factsOf(snapshot)
    return this.#deployed.map((pipeline) => withFacts(pipeline, facts))
  }

  /** One line for each pipeline that is limited, after each deploy and when that changes; and for one that no longer is. */
  #say(): void {
    if (this.#deployed.length === 0) return
    for (const pipeline of this.#pipelines(this.#watched.snapshot())) {
      const { source, limit, guarantee } = pipeline
      const text = limit ? describe(pipeline, limit) : ''
      const before = this.#said.get(source.id) ?? ''
      this.#said.set(source.id, text)
      const name = `Rowline: the pipeline of ${nameOf(source)} delivers ${classTexts[guarantee]}`
      if (text === before) continue
      if (limit) this.#RED.log.warn(`${name}: ${text}`)
      else this.#RED.log.info(name)
    }
  }

  #view(pipeline: Pipeline, byId: ReadonlyMap<string, RowlineSnapshot['nodes'][number]>): PipelineView {
    const { source, guarantee, limit, findings, places, sinks } = pipeline
    const here = places.flatMap(({ id }) => byId.get(id) ?? [])
    const own = here.find((node) => node.kind === 'source')
    const editorIds = new Map(places.map(({ id, node }) => [id, node.id]))
    const reasons = this.#reasons(places)
    const nameAt = (id: string) => namesOf(places.find((place) => place.id === id))
    return {
      id: source.id,
      at: source.node.id,
      name: source.node.name || source.id,
      tab: this.#names.get(source.node.z ?? '') ?? '',
      guarantee,
      limit: limit?.code,
      findings: findings.map((one) => ({ ...one, ...nameAt(one.node) })),
      phase: own?.connection?.error?.code ?? own?.connection?.phase ?? 'closed',
      error: failureView(own?.connection?.error),
      received: own?.received ?? 0,
      open: own?.connection?.unacknowledged ?? 0,
      sinks: sinks.map((sink) => sinkView(sink, byId.get(sink.place.id), this.#problemsOf(sink.place))),
      failing: places
        .filter((place) => !sinks.some((sink) => sink.place === place))
        .flatMap((place) => failingAt(place, byId.get(place.id), this.#problemsOf(place))),
      rejected: reasons.reduce((sum, reason) => sum + reason.count, 0),
      reasons,
      last: here
        .flatMap(({ id, name, rejections }) =>
          rejections.last.map((one) => ({ ...one, node: name || id, nodeAt: editorIds.get(id)! })),
        )
        .sort((a, b) => b.at - a.at)
        .slice(0, 3),
    }
  }

  /** Why it does not run. */
  #problemsOf({ id }: Place): readonly string[] {
    return (this.#RED.nodes.getNode(id) as RowlineNode | undefined)?.problems ?? []
  }

  /** Since Node-RED has started, the most frequent first. */
  #reasons(places: readonly Place[]): PipelineView['reasons'] {
    const sums = new Map<string, number>()
    for (const { id } of places)
      for (const { rejected } of this.#watched.tallyOf(id)?.routes.values() ?? [])
        for (const [reason, count] of rejected) sums.set(reason, (sums.get(reason) ?? 0) + count)
    return [...sums].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count)
  }
}

const namesOf = (place: Place | undefined) => ({
  at: place?.node.id ?? '',
  name: place?.node.name || place?.id || '',
  type: place?.node.type ?? '',
})

const nameOf = ({ id, node: { type, name } }: Place): string => `${type} "${name || id}"`

function describe({ places }: Pipeline, { code, node, values }: Finding): string {
  const { text, advice } = entryOf(code)
  const { name, type } = namesOf(places.find(({ id }) => id === node))
  const filled = text.replace(/\{(\w+)\}/g, (hole, key: string) => values[key] ?? hole)
  return `${type === '' ? `node ${node}` : `${type} "${name}"`} ${filled} ${advice} [${code}]`
}

const mostListed = 5

/** `a, b`, and of many the first and how many they are. */
const listed = (names: readonly string[]): string =>
  names.length <= mostListed ? names.join(', ') : `${names.slice(0, mostListed).join(', ')}, … (${names.length})`

/** What only the running nodes know. */
export function factsOf({ lateSenders, nodes }: RowlineSnapshot): readonly Finding[] {
  const late = lateSenders.map((node): Finding => ({ code: 'sendsLate', node, values: {} }))
  const told = nodes.flatMap((node): readonly Finding[] => {
    if (node.kind === 'sink')
      return node.delivery.weaknesses.map(({ kind, topics }) => ({
        code: kind,
        node: node.id,
        values: { topics: listed(topics) },
      }))
    if (node.kind !== 'source') return []
    const unkept = (node.connection?.loweredFilters ?? [])
      .filter(({ qos }) => qos === 0)
      .map(({ filter }) => sharedFilter(filter))
    const own = unkept.filter((filter) => node.filters.includes(filter))
    return own.length === 0 ? [] : [{ code: 'qosGranted', node: node.id, values: { filter: own.join(', ') } }]
  })
  return [...late, ...told]
}
