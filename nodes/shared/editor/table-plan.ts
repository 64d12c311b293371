import { formatAmount } from '../../../src/config/amounts.ts'
import type { NodeDeclaration } from '../../../src/config/declaration.ts'
import { versionOf } from '../../../src/config/migrations.ts'
import { withSlots } from '../../../src/config/table-references.ts'
import type { TableImport } from '../../../src/rows/import-table.ts'
import { declaration as mqttV3In } from '../../mqtt-v3-in/declaration.ts'
import { declaration as mqttV3Source } from '../../mqtt-v3-source/declaration.ts'
import { declaration as rowDecoder } from '../../row-decoder/declaration.ts'
import { declaration as rowSchema } from '../../row-schema/declaration.ts'
import { editorDefault } from './editor-default.ts'
import type { Change, FlowNode } from './editor-flow.ts'

type Values = { readonly [property: string]: unknown }
type Nodes = TableImport['nodes']
type Type = keyof Nodes

const declarations: { readonly [type in Type]: NodeDeclaration } = {
  'mqtt-v3-source': mqttV3Source as unknown as NodeDeclaration,
  'mqtt-v3-in': mqttV3In as unknown as NodeDeclaration,
  'row-schema': rowSchema as unknown as NodeDeclaration,
  'row-decoder': rowDecoder as unknown as NodeDeclaration,
}

/** The nodes on a flow that a table is imported into. Missing ones are made. */
export interface Chain {
  readonly input: FlowNode
  readonly decoder: FlowNode
  readonly source: FlowNode | undefined
  readonly schema: FlowNode | undefined
}

export interface Place {
  readonly flow: string
  readonly y: number
  newId(): string
}

export interface Plan {
  /** As in a flow file. */
  readonly added: readonly (Values & { readonly id: string; readonly type: string })[]
  readonly changes: readonly Change[]
}

/**
 * What becomes of the nodes of a flow when a table is imported: those of the chain are changed, or all four are new. A
 * source or schema that other nodes use too is left alone, and a new one takes its place.
 */
export function planImport(table: TableImport, chain: Chain | undefined, place: Place): Plan {
  const source = ownOf(chain?.source, chain?.input)
  const schema = ownOf(chain?.schema, chain?.decoder)
  const ids = {
    'mqtt-v3-source': source?.id ?? place.newId(),
    'row-schema': schema?.id ?? place.newId(),
    'mqtt-v3-in': chain?.input.id ?? place.newId(),
    'row-decoder': chain?.decoder.id ?? place.newId(),
  }
  const values = valuesOf(table, ids, chain?.input.subscriptions)
  const parts: readonly (readonly [Type, FlowNode | undefined, Values])[] = [
    ['mqtt-v3-source', source, {}],
    ['row-schema', schema, { name: table.name }],
    ['mqtt-v3-in', chain?.input, { z: place.flow, x: 160, y: place.y, wires: [[ids['row-decoder']], []] }],
    ['row-decoder', chain?.decoder, { z: place.flow, x: 420, y: place.y, wires: [[], []] }],
  ]
  const fresh = parts.filter(([, node]) => node === undefined)
  return {
    added: fresh.map(([type, , more]) => newNode(declarations[type], ids[type], values[type], more)),
    changes: parts.flatMap(([type, node]) => (node === undefined ? [] : [changeOf(type, node, values[type])])),
  }
}

/** Undefined where somebody else uses the node too. */
function ownOf(node: FlowNode | undefined, user: FlowNode | undefined): FlowNode | undefined {
  return (node?.users ?? []).every((each) => each === user) ? node : undefined
}

function valuesOf(
  table: TableImport,
  ids: { readonly [type in Type]: string },
  subscriptions: unknown,
): { readonly [type in Type]: Values } {
  const { nodes } = table
  const source: Values = nodes['mqtt-v3-source']
  const will = 'willTopic' in source ? { willPayload: '' } : {}
  const [first] = Array.isArray(subscriptions) ? (subscriptions as Values[]) : []
  const rows = nodes['mqtt-v3-in'].subscriptions.map((row) => ({ ...blankRow(), ...first, ...row }))
  return {
    'mqtt-v3-source': shown('mqtt-v3-source', { ...will, ...source }),
    'row-schema': nodes['row-schema'],
    'mqtt-v3-in': { source: ids['mqtt-v3-source'], subscriptions: rows },
    'row-decoder': { ...nodes['row-decoder'], schema: ids['row-schema'], routes: [] },
  }
}

const blankRow = (): Values =>
  Object.fromEntries(
    Object.entries(mqttV3In.fields.subscriptions.columns ?? {}).map(([name, field]) => [name, editorDefault(field)]),
  )

/** Amounts as the form shows them. */
function shown(type: Type, values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const kind = declarations[type].fields[name]?.kind
      const isAmount = kind === 'integer' || kind === 'duration' || kind === 'bytes'
      return [name, typeof value === 'number' && isAmount ? formatAmount(value, kind) : value]
    }),
  )
}

const isSecret = ({ fields }: NodeDeclaration, name: string) => fields[name]?.kind === 'secret'

type Split = { readonly values: Values; readonly secrets: { [name: string]: string } }

function split(declaration: NodeDeclaration, values: Values): Split {
  const entries = Object.entries(values)
  return {
    values: Object.fromEntries(entries.filter(([name]) => !isSecret(declaration, name))),
    secrets: Object.fromEntries(
      entries.filter(([name]) => isSecret(declaration, name)).map(([name, secret]) => [name, String(secret)]),
    ),
  }
}

/** As in a flow file. Of `given` the secrets become credentials; what it lacks has its default. */
export function newNode(declaration: NodeDeclaration, id: string, given: Values, more: Values): Plan['added'][number] {
  const { values, secrets } = split(declaration, given)
  const defaults = Object.entries(declaration.fields)
    .filter(([name]) => !isSecret(declaration, name))
    .map(([name, field]) => [name, editorDefault(field)])
  const credentials = Object.keys(secrets).length === 0 ? {} : { credentials: secrets }
  const { type } = declaration
  const version = versionOf(declaration)
  return { id, type, name: '', version, ...Object.fromEntries(defaults), ...values, ...more, ...credentials }
}

function changeOf(type: Type, node: FlowNode, values: Values): Change {
  const stored = Object.entries(withSlots(declarations[type].fields, values))
  const changed = stored.filter(([name, value]) => value !== undefined || node[name] !== undefined)
  return { node, ...split(declarations[type], Object.fromEntries(changed)) }
}
