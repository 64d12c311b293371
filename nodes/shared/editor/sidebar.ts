import type { NodeDeclaration } from '../../../src/config/declaration.ts'
import type { DeliveryClass } from '../guarantee/findings.ts'
import { type OwnType, pipelinesOf, withFacts } from '../guarantee/pipelines.ts'
import type { PipelineView } from '../pipeline-view.ts'
import { Rates } from './rates.ts'
import { type SidebarText, sidebarApi } from './sidebar-api.ts'
import { cardOf, noteRates } from './sidebar-card.ts'
import { emptyTab } from './sidebar-empty.ts'
import { sidebarStyle } from './sidebar-style.ts'

const EVERY_MS = 1000
/** An answer that takes longer is not waited for. */
const ANSWER_MS = 10_000
/** What the flow in the editor does not tell: the answers of a broker, the values of variables, what a node does. */
const seenOnlyWhileRunning: readonly string[] = ['qosGranted', 'dryRun', 'sendsLate']

/** `namespace` is the id of the node set, which is where its texts are. */
export function registerSidebar(id: string, namespace: string, declarations: readonly NodeDeclaration[]): void {
  const texts: SidebarText = (key, values = {}) =>
    RED._(`${namespace}:${key}`).replace(/\{(\w+)\}/g, (hole, name: string) => values[name] ?? hole)
  const types = new Map<string, OwnType>(declarations.map((declaration) => [declaration.type, declaration]))
  const onadd = () => {
    $('<style>').text(sidebarStyle).appendTo('head')
    const content = $('<div class="rowline-sidebar">')
    const sidebar = new Sidebar(content, texts, types)
    sidebarApi().sidebar.addTab({
      id,
      label: texts('tab'),
      name: texts('title'),
      content,
      iconClass: 'fa fa-tasks',
      enableOnEdit: true,
      onchange: () => void sidebar.refresh(),
    })
    setInterval(() => void sidebar.refresh(), EVERY_MS)
  }
  sidebarApi().plugins.registerPlugin(id, { type: 'rowline', onadd })
}

/** Asks once a second, and only while somebody looks. */
class Sidebar {
  readonly #content: JQuery
  readonly #texts: SidebarText
  readonly #types: ReadonlyMap<string, OwnType>
  readonly #rates = new Rates()
  readonly #open = new Set<string>()
  #isAsking = false

  constructor(content: JQuery, texts: SidebarText, types: ReadonlyMap<string, OwnType>) {
    this.#content = content
    this.#texts = texts
    this.#types = types
  }

  async refresh(): Promise<void> {
    if (this.#isAsking || document.hidden || !this.#content.is(':visible')) return
    this.#isAsking = true
    try {
      const views = (await $.ajax({ url: 'rowline/pipelines', dataType: 'json', timeout: ANSWER_MS })) as PipelineView[]
      this.#show(views, performance.now())
    } catch (error) {
      const { status } = error as JQuery.jqXHR
      const isRefused = status === 401 || status === 403
      this.#content.empty().append($('<p>').text(this.#texts(isRefused ? 'refused' : 'unreachable')))
    } finally {
      this.#isAsking = false
    }
  }

  #show(views: readonly PipelineView[], nowMs: number): void {
    for (const view of views) noteRates(view, this.#rates, nowMs)
    // A button that is made anew between press and release is never clicked.
    if (this.#content.is(':active')) return
    const undeployed = this.#undeployed(views)
    const cards = views.map((view) => {
      const next = undeployed?.get(view.id)
      return cardOf(view, {
        texts: this.#texts,
        rates: this.#rates,
        nowMs,
        undeployed: next === view.guarantee ? undefined : next,
        isOpen: this.#open.has(view.id),
        onToggle: (isOpen) => void (isOpen ? this.#open.add(view.id) : this.#open.delete(view.id)),
      })
    })
    if (cards.length > 0) this.#replace(cards)
    else if (this.#content.find('.rowline-empty').length === 0) this.#content.empty().append(emptyTab(this.#texts))
  }

  /** Keeps place and focus, for those who use the keyboard. */
  #replace(cards: readonly JQuery[]): void {
    const focusable = () => this.#content.find<HTMLElement>('button, summary')
    const focused = focusable().index(document.activeElement as HTMLElement)
    const scrolled = this.#content.scrollTop() ?? 0
    this.#content.empty().append(...cards)
    if (focused >= 0) focusable().get(focused)?.focus({ preventScroll: true })
    this.#content.scrollTop(scrolled)
  }

  /** What the flow in the editor will be, by source; undefined while there is nothing to deploy. */
  #undeployed(views: readonly PipelineView[]): ReadonlyMap<string, DeliveryClass> | undefined {
    const { nodes } = sidebarApi()
    if (!nodes.dirty()) return undefined
    const pipelines = pipelinesOf(nodes.createCompleteNodeSet({ credentials: false }), { types: this.#types })
    const facts = views.flatMap(({ findings }) => findings.filter(({ code }) => seenOnlyWhileRunning.includes(code)))
    return new Map(pipelines.map((each) => [each.source.id, withFacts(each, facts).guarantee]))
  }
}
