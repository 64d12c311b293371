import type { NodeDeclaration } from '../../../src/config/declaration.ts'
import type { Migration } from '../../../src/migration/migrate.ts'
import { declarations } from '../../declarations.ts'
import { newNode, type Place, type Plan } from './table-plan.ts'

const columnWidth = 260
const rowHeight = 60

/** New nodes for what is migrated: source, decoder where there is one, sinks below each other, and their config nodes. */
export function planMigration({ nodes }: Migration, { flow, y, newId }: Place): Plan['added'] {
  const made = declarations.filter(({ type }) => type in nodes)
  const ids = new Map(made.map(({ type }) => [type, newId()]))
  const inFlow = made.filter(({ kind }) => kind !== 'config')
  const sinks = inFlow.filter(({ kind }) => kind === 'sink')
  const chain = [...inFlow.filter(({ kind }) => kind !== 'sink'), ...sinks.slice(0, 1)]
  return made.map((declaration) => {
    const { type, kind } = declaration
    const column = chain.findIndex((one) => one.kind === kind)
    const place = { z: flow, x: 160 + column * columnWidth, y: y + Math.max(0, sinks.indexOf(declaration)) * rowHeight }
    const next = chain[column + 1]
    const targets = next?.kind === 'sink' ? sinks : next === undefined ? [] : [next]
    const wires = declaration.outputs.map((_, i) => (i === 0 ? targets.map((target) => ids.get(target.type)) : []))
    const more = kind === 'config' ? {} : { ...place, wires }
    return newNode(declaration, ids.get(type)!, { ...nodes[type], ...references(declaration, ids) }, more)
  })
}

/** To the config nodes that are made too. */
function references(
  { fields }: NodeDeclaration,
  ids: ReadonlyMap<string, string>,
): { readonly [field: string]: string } {
  const found = Object.entries(fields).flatMap(([name, { nodeType }]) => {
    const id = nodeType === undefined ? undefined : ids.get(nodeType)
    return id === undefined ? [] : [[name, id] as const]
  })
  return Object.fromEntries(found)
}
