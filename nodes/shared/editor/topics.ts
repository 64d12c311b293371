import { flowEditor } from './editor-flow.ts'

const listId = 'rowline-topics'
const pluginId = 'rowline-topics'
const most = 500
const keptMs = 5000

/** Node-RED's own list of plugins, of which the published types say too little. */
interface Plugins {
  getPlugin(id: string): unknown
  registerPlugin(id: string, plugin: object): void
}

let asked: { readonly query: string; readonly at: number; readonly topics: Promise<readonly string[]> } | undefined

/** Asked at every key. What cannot be had is no reason to disturb whoever is typing. */
function topicsOf(query: string): Promise<readonly string[]> {
  if (asked?.query !== query || Date.now() - asked.at > keptMs) {
    const topics = new Promise<readonly string[]>((resolve) => {
      $.getJSON(`rowline/topics?${query}`)
        .done((found: readonly string[]) => resolve(found))
        .fail(() => resolve([]))
    })
    asked = { query, at: Date.now(), topics }
  }
  return asked.topics
}

/** The topics and, for each level above them, the filter for all that is below. */
export function completionsOf(topics: readonly string[]): readonly string[] {
  const filters = topics.flatMap((topic) => {
    const levels = topic.split('/')
    return levels.slice(0, -1).map((_level, i) => `${levels.slice(0, i + 1).join('/')}/#`)
  })
  return [...new Set([...filters, ...topics])].sort().slice(0, most)
}

/** Offers topics in the filters of the table: those that run by this source and those of the last sample. */
export function offerTopics(section: JQuery, source: () => unknown, sampled: () => readonly string[]): void {
  const list = $('<datalist>', { id: listId }).appendTo(section)
  const cells = '[data-field="subscriptions"] [data-column="filter"]'
  section.closest('.rowline-form').on('focusin', cells, async (event) => {
    $(event.currentTarget).attr('list', listId)
    const running = await topicsOf(`source=${encodeURIComponent(String(source() ?? ''))}`)
    list.empty().append(completionsOf([...running, ...sampled()]).map((topic) => $('<option>').val(topic)))
  })
}

/** The same in the topic of Node-RED's own `mqtt in`, for its broker. */
export function offerTopicsToCore(): void {
  const { plugins } = RED as unknown as { readonly plugins: Plugins }
  if (plugins.getPlugin(pluginId)) return
  plugins.registerPlugin(pluginId, {
    type: 'node-red-mqtt-topic-autocomplete-source',
    getCompletions: async (_typed: string, { node }: { readonly node?: { readonly broker?: unknown } } = {}) => {
      const broker = typeof node?.broker === 'string' ? flowEditor().nodes.node(node.broker) : null
      if (!broker) return []
      const address = `${broker.broker}:${broker.port || (broker.usetls ? 8883 : 1883)}`
      return completionsOf(await topicsOf(`broker=${encodeURIComponent(address)}`))
    },
  })
}
