import type { NodeDeclaration } from './declaration.ts'
import { retiredOf } from './migrations.ts'
import { slotsOf } from './table-references.ts'

type Declared = Pick<NodeDeclaration, 'fields' | 'migrations'>

/** What Node-RED itself keeps in the definition of a node. Names that begin with _ are its own, too. */
export const nodeRedNames: readonly string[] =
  'id type version name x y z wires d g l info env users valid changed dirty moved selected inputs outputs inputLabels outputLabels validationErrors credentials status hasUsers'.split(
    ' ',
  )

/** A property of a definition that means nothing, and the field that it may be meant for. */
export interface Undeclared {
  readonly name: string
  readonly near: string | undefined
}

/** `names` are those of a definition, before its migrations. */
export function undeclaredIn(declaration: Declared, names: readonly string[]): readonly Undeclared[] {
  const fields = Object.keys(declaration.fields)
  const slots = slotsOf(declaration.fields).map(({ name }) => name)
  const known = new Set([...nodeRedNames, ...fields, ...slots, ...retiredOf(declaration)])
  return names
    .filter((name) => !known.has(name) && !name.startsWith('_'))
    .map((name) => ({ name, near: nearest(name, fields) }))
}

/** Of the names that differ in a third of their letters at most. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const away = (one: string) => distance(one.toLowerCase(), name.toLowerCase())
  const [best] = [...known].sort((a, b) => away(a) - away(b))
  return best !== undefined && away(best) <= Math.max(best.length, name.length) / 3 ? best : undefined
}

/** How many letters have to be added, taken away or replaced. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_none, i) => i)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries())
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === other ? 0 : 1)))
    row = next
  }
  return row[to.length]!
}
