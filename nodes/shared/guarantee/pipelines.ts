import type { Fields } from '../../../src/config/fields.ts'
import { filtersOverlap } from '../../../src/core/topic-filter.ts'
import type { InConfig, SourceConfig } from '../../../src/mqtt/config.ts'
import type { RowDecoderConfig } from '../../../src/rows/config.ts'
import { type CoreContext, type Found, judgeCoreNode, mayFail } from './core-nodes.ts'
import { type DeliveryClass, entryOf, type Finding, findingCodes } from './findings.ts'
import { type FlowGraph, type FlowNode, graphOf, type Place } from './flow-graph.ts'
import {
  isExactlyOnce,
  isSameBroker,
  judgeDecoder,
  judgeRepeats,
  judgeSink,
  judgeSource,
  lenient,
  type Reader,
  type RunnerConfig,
} from './own-nodes.ts'
import { judgeRoutes, keepsRoute } from './routes.ts'

/** A node type of ours. */
export interface OwnType {
  readonly type: string
  readonly kind: 'config' | 'source' | 'transform' | 'sink'
  readonly fields: Fields
}

/** One `mqtt v3 in` and all that its readings can reach. */
export interface Pipeline {
  /** Of the source, as it runs. */
  readonly source: Place
  readonly guarantee: DeliveryClass
  /** What makes it no better; undefined where nothing does. */
  readonly limit: Finding | undefined
  /** The limiting ones first. */
  readonly findings: readonly Finding[]
  /** Enabled places that readings or rejected readings reach, the source first. */
  readonly places: readonly Place[]
  readonly sinks: readonly Reached[]
}

/** An enabled sink of a pipeline, and whether accepted readings reach it or rejected ones alone. */
export interface Reached {
  readonly place: Place
  readonly accepted: boolean
}

export interface FlowContext {
  readonly types: ReadonlyMap<string, OwnType>
  /** What a running node of ours has read; undefined where there is none, as for a flow that is not deployed. */
  readonly running?: (id: string) => object | undefined
}

/** The pipelines of a flow file and what they promise: a function of its nodes and wires. */
export function pipelinesOf(flow: readonly FlowNode[], context: FlowContext): readonly Pipeline[] {
  const surveyor = new Surveyor(flow, context)
  return surveyor.sources().map((source) => surveyor.pipeline(source))
}

/** The same pipeline with what has turned out while it runs. */
export function withFacts(pipeline: Pipeline, facts: readonly Finding[]): Pipeline {
  const ids = new Set(pipeline.places.map(({ id }) => id))
  const added = facts.filter(({ node }) => ids.has(node))
  return added.length === 0 ? pipeline : { ...pipeline, ...verdict([...pipeline.findings, ...added], isBest(pipeline)) }
}

const isBest = ({ guarantee }: Pipeline) => guarantee === 'exactlyOnce'

class Surveyor {
  readonly #graph: FlowGraph
  readonly #context: FlowContext
  readonly #definitions: ReadonlyMap<string, FlowNode>

  constructor(flow: readonly FlowNode[], context: FlowContext) {
    this.#graph = graphOf(flow)
    this.#context = context
    this.#definitions = new Map(flow.map((node) => [node.id, node]))
  }

  sources(): readonly Place[] {
    return [...this.#graph.values()].filter((place) => place.isOn && this.#kindOf(place) === 'source')
  }

  pipeline(source: Place): Pipeline {
    const reader = this.#reader(source)
    const { places, off } = this.#survey([source.id])
    const decoders = places
      .filter(({ node }) => node.type === 'row-decoder')
      .map((one) => this.#config<RowDecoderConfig>(one))
    const found = places.flatMap((place) => this.#findingsAt(place, reader, decoders))
    const sinks = places.filter((place) => this.#kindOf(place) === 'sink')
    const accepted = this.#survey([source.id], true).places.filter((place) => this.#kindOf(place) === 'sink')
    const isExact = accepted.length > 0 && accepted.every((sink) => isExactlyOnce(sink.node.type, this.#config(sink)))
    const at = (place: Place, one: Found): Finding => ({ values: {}, ...one, node: place.id })
    const own = [
      ...(accepted.length === 0 ? [{ code: 'noSink' } as const] : []),
      ...(isExact ? judgeRepeats(reader) : []),
      ...this.#overlaps(source, reader, sinks),
    ].map((one) => at(source, one))
    const switchedOff = off
      .filter((place) => place.node.type !== 'catch')
      .filter((place) => this.#kindOf(place) === 'sink' || this.#reachesSink(this.#next(place, true)))
      .map((place) => at(place, { code: 'isOff' }))
    const afterKill = isExact ? accepted.map((sink) => at(sink, { code: 'killRepeats' })) : []
    const reached = sinks.map((place) => ({ place, accepted: accepted.includes(place) }))
    return { source, places, sinks: reached, ...verdict([...own, ...found, ...switchedOff, ...afterKill], isExact) }
  }

  /** A sink that keeps no reading, such as a gauge, only lets them pass. */
  #kindOf({ node }: Place): OwnType['kind'] | undefined {
    const type = this.#context.types.get(node.type)
    return type?.kind === 'sink' && !('delivery' in type.fields) ? 'transform' : type?.kind
  }

  #config<C = RunnerConfig>({ id, node }: Place): C {
    return this.#read(id, node) as C
  }

  #read(id: string, node: FlowNode | undefined): object | undefined {
    const type = node && this.#context.types.get(node.type)
    return this.#context.running?.(id) ?? (type && lenient(type.fields, node))
  }

  #reader(source: Place): Reader {
    const config = this.#config<InConfig>(source)
    const id = config.source ?? ''
    return { config, broker: this.#read(id, this.#definitions.get(id)) as SourceConfig | undefined }
  }

  /** All places behind these, in the order of their distance; with `accepted`, past no output for rejected readings. */
  #survey(from: readonly string[], accepted = false): { readonly places: Place[]; readonly off: Place[] } {
    const seen = new Set(from)
    const [places, off]: [Place[], Place[]] = [[], []]
    for (const id of seen) {
      const place = this.#graph.get(id)
      if (!place) continue
      if (!place.isOn) off.push(place)
      else {
        places.push(place)
        for (const next of this.#next(place, accepted)) if (!this.#isSource(next)) seen.add(next)
      }
    }
    return { places, off }
  }

  /** What is sent to one controls it: its own readings are another pipeline's. */
  #isSource(id: string): boolean {
    const place = this.#graph.get(id)
    return place !== undefined && this.#kindOf(place) === 'source'
  }

  /** Output 1 of a sink with an outbox has receipts and no readings. */
  #next(place: Place, accepted: boolean): readonly string[] {
    const { wires, calls, completes, catches } = place
    const kind = this.#kindOf(place)
    if (kind === undefined)
      return [...calls, ...wires.flat(), ...completes, ...(accepted || !mayFail(place) ? [] : catches)]
    const passes = kind !== 'sink' || this.#config(place).delivery === 'confirm'
    return [...(passes ? (wires[0] ?? []) : []), ...(accepted ? [] : (wires[1] ?? [])), ...completes]
  }

  #findingsAt(place: Place, reader: Reader, decoders: readonly RowDecoderConfig[]): readonly Finding[] {
    const at = (found: readonly Found[]) => found.map((one): Finding => ({ values: {}, ...one, node: place.id }))
    const kind = this.#kindOf(place)
    if (kind === undefined) return at(judgeCoreNode(place, this.#coreContext(reader.config)))
    const rejected = place.wires[1] ?? []
    return at([
      ...(kind === 'source' ? judgeSource(this.#reader(place)) : []),
      ...(place.node.type === 'row-decoder' ? judgeDecoder(this.#config(place), reader) : []),
      ...(place.node.type === 'row-decoder' ? this.#routesAt(place, reader.config, decoders) : []),
      ...(kind === 'sink' ? judgeSink(place.node.type, this.#config(place)) : []),
      ...(rejected.length > 0 && !this.#reachesSink(rejected) ? [{ code: 'rejectedLost' } as const] : []),
    ])
  }

  /** Nothing where another node than a source may give a reading its route. */
  #routesAt(place: Place, source: InConfig, decoders: readonly RowDecoderConfig[]): readonly Found[] {
    const decoder = this.#config<RowDecoderConfig>(place)
    if (decoder.routes.length === 0) return []
    const before = this.#before(place)
    const sources = before.filter((one) => this.#kindOf(one) === 'source')
    if (sources.length === 0) return []
    if (before.some((one) => this.#kindOf(one) === undefined && !keepsRoute(one.node.type))) return []
    const isSplit = before.some(({ node }) => node.type === 'switch')
    return judgeRoutes(decoder, source, {
      sources: sources.map((one) => this.#config<InConfig>(one)),
      decoders: isSplit ? undefined : decoders,
    })
  }

  /** All enabled places from which an accepted reading gets there, from a source on. */
  #before(place: Place): readonly Place[] {
    const before = new Set([place])
    for (const to of before)
      for (const one of this.#graph.values())
        if (one.isOn && this.#kindOf(to) !== 'source' && this.#next(one, true).includes(to.id)) before.add(one)
    before.delete(place)
    return [...before]
  }

  #reachesSink(from: readonly string[]): boolean {
    return this.#survey(from).places.some((place) => this.#kindOf(place) === 'sink')
  }

  #coreContext({ settleTimeoutMs }: InConfig): CoreContext {
    const isReturn = ({ node }: Place) => node.type === 'link out' && node.mode === 'return'
    return {
      settleTimeoutMs,
      reachesSink: (from) => this.#reachesSink(from),
      returns: (from) => this.#survey(from).places.some(isReturn),
    }
  }

  /** Other sources that get the same messages, for the same sink or for others. */
  #overlaps(source: Place, { config, broker }: Reader, sinks: readonly Place[]): readonly Found[] {
    const ids = new Set(sinks.map(({ id }) => id))
    return this.sources().flatMap((other): readonly Found[] => {
      if (other.id === source.id) return []
      const theirs = this.#reader(other)
      const filter = doubled(config, theirs.config)
      if (filter === undefined || !isSameBroker(broker, theirs.broker)) return []
      const meets = this.#survey([other.id]).places.some(({ id }) => ids.has(id))
      const code = meets ? 'overlap' : 'overlapElsewhere'
      return [{ code, values: { other: other.node.name || other.id, filter } }]
    })
  }
}

/** A filter of the first whose messages the second gets as well: members of one share group each get their part. */
function doubled(a: InConfig, b: InConfig): string | undefined {
  const group = (filter: string) => /^\$share\/([^/]+)\//.exec(filter)?.[1]
  const isShared = (one: string, other: string) => group(one) !== undefined && group(one) === group(other)
  return (a.subscriptions ?? [])
    .map(({ filter }) => filter)
    .find((one) => (b.subscriptions ?? []).some(({ filter }) => !isShared(one, filter) && filtersOverlap(one, filter)))
}

const worst: readonly (DeliveryClass | undefined)[] = ['atMostOnce', 'atLeastOnce', undefined]

function verdict(found: readonly Finding[], isExact: boolean): Pick<Pipeline, 'guarantee' | 'limit' | 'findings'> {
  const rank = ({ code }: Finding) =>
    worst.indexOf(entryOf(code).limits) * findingCodes.length + findingCodes.indexOf(code)
  const findings = [...found].sort((a, b) => rank(a) - rank(b))
  const best = isExact ? 'exactlyOnce' : 'atLeastOnce'
  const [first] = findings
  const limits = first && entryOf(first.code).limits
  return { findings, guarantee: limits ?? best, limit: limits && first }
}
