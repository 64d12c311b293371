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
  /** Of a `link call`: where it sends to before anything comes out of its own output. */
  readonly calls: readonly string[]
}

export type FlowGraph = ReadonlyMap<string, Place>

const subflowType = /^subflow:(.+)$/

interface Subflow extends FlowNode {
  readonly in?: readonly { readonly wires?: readonly { readonly id: string }[] }[]
  readonly out?: readonly { readonly wires?: readonly { readonly id: string; readonly port: number }[] }[]
}

/** Follows what Node-RED does with a flow file when it starts it. Config nodes have no place. */
export function graphOf(flow: readonly FlowNode[]): FlowGraph {
  const subflows = new Map(flow.filter(({ type }) => type === 'subflow').map((node) => [node.id, node as Subflow]))
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
      const wires = (node.wires ?? []).map(inHere)
      const place = { id, node, isOn, wires, completes: [], calls: inHere(callsOf(node)) }
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

const entryOf = ({ in: [input] = [] }: Subflow, prefix: string): string[] =>
  (input?.wires ?? []).map(({ id }) => prefix + id)

/** What comes out of a subflow goes where its instance is wired to. */
function leave(places: FlowGraph, id: string, { id: own, out = [] }: Subflow, wires: readonly (readonly string[])[]) {
  for (const [output, { wires: from = [] }] of out.entries())
    for (const { id: inner, port } of from) {
      const place = places.get(inner === own ? id : `${id}-${inner}`)
      const at = inner === own ? 0 : port
      if (!place) continue
      while (place.wires.length <= at) place.wires.push([])
      place.wires[at]!.push(...(wires[output] ?? []))
    }
}

const listOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

const callsOf = ({ type, links, linkType }: FlowNode): readonly string[] =>
  type === 'link call' && linkType !== 'dynamic' ? [links].flat().map(String).slice(0, 1) : []

/** Links stand at both ends. A Complete node names the nodes that it listens to. */
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
    if (type === 'complete') for (const from of listOf(scope)) near(from)?.completes.push(prefix + id)
  }
}
