import type { EditorNodeInstance } from 'node-red'
import type { Values } from './problems.ts'

/** A node on the workspace. */
export type PlacedNode = EditorNodeInstance & {
  readonly type: string
  readonly _def: { readonly defaults: object }
} & Values

interface Link {
  readonly source: PlacedNode
  readonly sourcePort: number
}

const leaves = (type: string) => (link: Link) => link.source.type === type && link.sourcePort === 0

/** What decoded rows come from. */
export const isDecoder = leaves('row-decoder')
/** What readings come from. */
export const isInput = leaves('mqtt-v3-in')

/** The wanted ones against the wires, the nearest first. */
export function nodesBefore(node: PlacedNode, isWanted: (link: Link) => boolean): readonly PlacedNode[] {
  const seen = new Set([node])
  const found = new Set<PlacedNode>()
  for (const target of seen)
    for (const link of RED.nodes.filterLinks({ target }) as unknown as Link[]) {
      if (isWanted(link)) found.add(link.source)
      seen.add(link.source)
    }
  return [...found]
}

const listId = 'rowline-routes'

/** Offers, in *Routes* of a decoder, what the sources before it give. */
export function offerRoutes(section: JQuery, node: () => PlacedNode): void {
  const list = $('<datalist>', { id: listId }).appendTo(section)
  section.closest('.rowline-form').on('focusin', '[data-field="routes"] [data-column="route"]', (event) => {
    $(event.currentTarget).attr('list', listId)
    const routes = nodesBefore(node(), isInput).flatMap(routesOf)
    list.empty().append([...new Set(routes)].sort().map((route) => $('<option>').val(route)))
  })
}

function routesOf({ subscriptions, defaultRoute }: PlacedNode): readonly string[] {
  const rows = Array.isArray(subscriptions) ? (subscriptions as readonly Values[]) : []
  return [...rows.map(({ route }) => route), defaultRoute].flatMap((route) =>
    typeof route === 'string' && route !== '' ? [route] : [],
  )
}
