/** A node, tab or subflow as in a flow file. */
export interface FlowNode {
  readonly id: string
  readonly type: string
  readonly z?: string
  readonly name?: string
  readonly wires?: readonly (readonly string[])[]
  readonly [property: string]: unknown
}

/** A node where it runs: one of a subflow once per instance, with Node-RED's id for it. */
export interface Place {
  readonly id: string
  readonly node: FlowNode
  /** Neither it nor its tab is disabled. */
  readonly isOn: boolean
  /** By output: the ids of the places that get what it sends. Links are followed, subflows opened. */
  readonly wires: string[][]
  /** Places that get a message when this one has finished with it (Complete nodes). */
  readonly completes: string[]
  /** Catch nodes that get a message on which this one fails. */
  readonly catches: string[]
  /** Of a `link call`: where it sends to before anything comes out of its own output. */
  readonly calls: readonly string[]
}

export type FlowGraph = ReadonlyMap<string, Place>

const subflowType = /^subflow:(.+)$/

/** A wire inside a subflow. */
interface Wire {
  readonly id: string
  readonly port: number
}

/** Follows what Node-RED does with a flow file when it starts it. Config nodes have no place. */
export function graphOf(flow: readonly FlowNode[]): FlowGraph {
  const subflows = new Map(flow.filter(({ type }) => type === 'subflow').map((node) => [node.id, node]))
  const off = new Set(flow.filter(({ type, disabled }) => type === 'tab' && disabled === true).map(({ id }) => id))
  const placed = flow.filter(isPlaced)
  const inside = (subflow: string) => placed.filter(({ z = '' }) => (subflows.has(z) ? z : '') === subflow)
  const places = new Map<string, Place>()
  const later: (() => void)[] = []
  const open = (nodes: readonly FlowNode[], prefix: string, around: readonly string[]) => {
    for (const node of nodes) {
      const id = prefix + node.id
      const isOn = node.d !== true && !off.has(node.z ?? '')
      const inHere = (ids: readonly string[]) => ids.map((one) => prefix + one)
      const wires = rowsOf(node.wires).map((row) => inHere(listOf(row)))
      const place = { id, node, isOn, wires, completes: [], catches: [], calls: inHere(callsOf(node)) }
      const [, name = ''] = subflowType.exec(node.type) ?? []
      const subflow = subflows.get(name)
      if (!subflow || around.includes(name)) places.set(id, place)
      else {
        places.set(id, { ...place, wires: [entryOf(subflow, `${id}-`)] })
        if (isOn) open(inside(name), `${id}-`, [...around, name])
        later.push(() => leave(places, id, subflow, wires))
      }
    }
    later.push(() => link(places, nodes, prefix))
  }
  open(inside(''), '', [])
  for (const connect of later) connect()
  return places
}

const isPlaced = ({ type, wires, x }: FlowNode) =>
  !['tab', 'subflow', 'group'].includes(type) && (!!wires || x !== undefined)

const entryOf = (subflow: FlowNode, prefix: string): string[] =>
  (endsOf(subflow.in)[0] ?? []).map(({ id }) => prefix + id)

/** What comes out of a subflow goes where its instance is wired to. */
function leave(places: FlowGraph, id: string, subflow: FlowNode, wires: readonly (readonly string[])[]) {
  for (const [output, from] of endsOf(subflow.out).entries())
    for (const { id: inner, port } of from) {
      const isInput = inner === subflow.id
      const place = places.get(isInput ? id : `${id}-${inner}`)
      const at = isInput ? 0 : port
      if (!place) continue
      while (place.wires.length <= at) place.wires.push([])
      place.wires[at]!.push(...(wires[output] ?? []))
    }
}

/** A flow file that was made by hand or by a script may have anything where a list belongs: Node-RED starts it all the same. */
const rowsOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const listOf = (value: unknown): readonly string[] => rowsOf(value).map(String)

/** By input or output of a subflow. */
const endsOf = (value: unknown): readonly (readonly Wire[])[] =>
  rowsOf(value).map((end) => rowsOf((end as { readonly wires?: unknown } | null)?.wires).flatMap(wireOf))

function wireOf(value: unknown): readonly Wire[] {
  const { id, port } = (value ?? {}) as { readonly id?: unknown; readonly port?: unknown }
  return id === undefined ? [] : [{ id: String(id), port: Number(port) || 0 }]
}

const callsOf = ({ type, links, linkType }: FlowNode): readonly string[] =>
  type === 'link call' && linkType !== 'dynamic' ? [links].flat().map(String).slice(0, 1) : []

/** Those whose failures a Catch node gets; what a Catch node gets after others, it may get first here. */
function caught({ node: { id, z, g, scope } }: Place, nodes: readonly FlowNode[]): readonly FlowNode[] {
  const isIn = (node: FlowNode) => !scope || (scope === 'group' ? node.g === g : listOf(scope).includes(node.id))
  return nodes.filter((node) => node.id !== id && node.z === z && isIn(node))
}

/** Links stand at both ends. Complete and Catch nodes name the nodes that they listen to. */
function link(places: FlowGraph, nodes: readonly FlowNode[], prefix: string): void {
  const near = (id: string) => places.get(prefix + id) ?? places.get(id)
  const connect = (from: Place | undefined, to: Place | undefined) => {
    if (!from || !to || from.node.type !== 'link out' || from.node.mode === 'return') return
    from.wires[0] ??= []
    if (!from.wires[0].includes(to.id)) from.wires[0].push(to.id)
  }
  for (const { id, type, links, scope } of nodes) {
    const own = near(id)
    if (type === 'link out') for (const to of listOf(links)) connect(own, near(to))
    if (type === 'link in') for (const from of listOf(links)) connect(near(from), own)
    if (type === 'catch') for (const from of caught(own!, nodes)) near(from.id)?.catches.push(prefix + id)
    if (type === 'complete') for (const from of listOf(scope)) near(from)?.completes.push(prefix + id)
  }
}
