import type { DeliveryClass } from '../guarantee/findings.ts'
import type { FailingView, FailureView, PipelineView, SinkView } from '../pipeline-view.ts'
import { chartLine, lowestOf, type Rates } from './rates.ts'
import { type SidebarText, sidebarApi } from './sidebar-api.ts'

export interface CardContext {
  readonly texts: SidebarText
  readonly rates: Rates
  readonly nowMs: number
  /** What it will be; undefined while nothing differs from what is deployed. */
  readonly undeployed: DeliveryClass | undefined
  /** Whether the folded part is open: that outlives the card, which is made anew every second. */
  readonly isOpen: boolean
  onToggle(isOpen: boolean): void
}

const count = (amount: number): string => Math.round(amount).toLocaleString()

function age(ms: number): string {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`
}

/** One pipeline. All names come from the user: they are set as text, never as markup. */
export function cardOf(view: PipelineView, context: CardContext): JQuery {
  const card = $('<section class="rowline-card">').attr('data-pipeline', view.id)
  card.append(headOf(view, context), ...errorOf(view.error), chartOf(view, context), numbersOf(view, context))
  for (const sink of view.sinks) card.append(sinkOf(view, sink, context))
  for (const one of view.failing) card.append(failingOf(one, context))
  if (view.rejected > 0) card.append(rejectedOf(view, context))
  return card.append(findingsOf(view, context))
}

function headOf(view: PipelineView, { texts, undeployed }: CardContext): JQuery {
  const head = $('<header>').append(circleOf(view))
  const tab = view.tab === '' ? '' : ` · ${view.tab}`
  head.append($('<b>').text(view.name), $('<span class="rowline-quiet">').text(tab), showButton(view.at, texts))
  const badge = $('<div class="rowline-class">')
    .addClass(view.guarantee)
    .text(texts(`guarantee.${view.guarantee}`))
  const next = undeployed && $('<div class="rowline-quiet">').text(textOfUndeployed(undeployed, texts))
  return $('<div>').append(head, badge, ...(next ? [next] : []))
}

/** Yellow: all that is wrong is tried again. Red: somebody has to act, or nothing comes in. */
function circleOf({ phase, sinks, failing }: PipelineView): JQuery {
  const errors = [...sinks, ...failing].flatMap(({ name, error }) => (error ? [{ name, ...error }] : []))
  const isBad = phase !== 'connected' || errors.some(({ isRetried }) => !isRetried)
  const said = [phase, ...errors.map(({ name, words, code }) => `${name}: ${words} [${code}]`)]
  return $('<i class="fa fa-circle">')
    .addClass(isBad ? 'bad' : errors.length > 0 ? 'warn' : 'good')
    .attr('title', said.join('\n'))
}

const textOfUndeployed = (guarantee: DeliveryClass, texts: SidebarText): string =>
  texts('undeployed', { guarantee: texts(`guarantee.${guarantee}`) })

export function showButton(id: string, texts: SidebarText): JQuery {
  const button = $('<button type="button" class="red-ui-button red-ui-button-small rowline-show">')
  button.attr({ title: texts('show'), 'aria-label': texts('show'), 'data-node': id })
  return button.append('<i class="fa fa-crosshairs">').on('click', () => sidebarApi().view.reveal(id))
}

const receivedOf = ({ id }: PipelineView) => `${id} in`
/** Several pipelines may have one sink, and each is noted by itself. */
const confirmedOf = ({ id }: PipelineView, sink: SinkView) => `${id} ${sink.id}`
const safeIn = ({ sinks }: PipelineView) => sinks.filter(({ accepted }) => accepted)

/** What is not in each of its sinks is not safe: the slowest counts. */
const slowestOf = (view: PipelineView, rates: Rates): readonly number[] =>
  lowestOf(safeIn(view).map((sink) => rates.history(confirmedOf(view, sink))))

const latest = (history: readonly number[]) => count(history.at(-1) ?? 0)

function numbersOf(view: PipelineView, { texts, rates }: CardContext): JQuery {
  const confirmed = safeIn(view).length > 1 ? 'slowest' : 'confirmed'
  const parts = [
    texts('in', { rate: latest(rates.history(receivedOf(view))) }),
    texts(confirmed, { rate: latest(slowestOf(view, rates)) }),
  ]
  if (view.open > 0) parts.push(texts('open', { count: count(view.open) }))
  return $('<div class="rowline-numbers">').text(parts.join(' · '))
}

/** Once per answer of Node-RED, before the cards are made. */
export function noteRates(view: PipelineView, rates: Rates, nowMs: number): void {
  rates.note(receivedOf(view), view.received, nowMs)
  for (const sink of view.sinks) rates.note(confirmedOf(view, sink), sink.confirmed, nowMs)
}

function chartOf(view: PipelineView, { texts, rates }: CardContext): JQuery {
  const [received, confirmed] = [rates.history(receivedOf(view)), slowestOf(view, rates)]
  const highest = Math.max(1, ...received, ...confirmed)
  const lines = [received, confirmed].map((history, i) => {
    return `<polyline class="rowline-line${i}" points="${chartLine(history, highest)}"/>`
  })
  const svg = `<svg viewBox="0 0 120 24" preserveAspectRatio="none" role="img">${lines.join('')}</svg>`
  return $('<div class="rowline-chart">').attr('title', texts('chart')).html(svg)
}

function sinkOf(view: PipelineView, sink: SinkView, { texts, rates }: CardContext): JQuery {
  const waits = sink.outbox === undefined ? sink.pending : sink.outbox
  const parts = [
    texts('rate', { rate: latest(rates.history(confirmedOf(view, sink))) }),
    texts(sink.outbox === undefined ? 'waiting' : 'outbox', { count: count(waits) }),
    ...(sink.oldestMs !== undefined && waits > 0 ? [texts('oldest', { age: age(sink.oldestMs) })] : []),
    ...(sink.retries > 0 ? [texts('retries', { count: count(sink.retries) })] : []),
  ]
  const line = $('<div class="rowline-sink">').append($('<b>').text(sink.name), showButton(sink.at, texts))
  line.append($('<div>').text(parts.join(' · ')))
  return line.append(...errorOf(sink.error))
}

function failingOf({ name, at, error }: FailingView, { texts }: CardContext): JQuery {
  const line = $('<div class="rowline-sink">').append($('<b>').text(name), showButton(at, texts))
  return line.append(...errorOf(error))
}

/** What to do about it stands in the tooltip. */
function errorOf(error: FailureView | undefined): readonly JQuery[] {
  if (!error) return []
  const { code, words, message } = error
  return [$('<div class="rowline-error">').attr('title', message).text(`${words} [${code}]`)]
}

function rejectedOf({ rejected, reasons, last }: PipelineView, { texts }: CardContext): JQuery {
  const why = reasons.map(({ reason, count: n }) => `${reason} ${count(n)}`).join(', ')
  const box = $('<div class="rowline-rejected">')
  box.append($('<div>').text(`${texts('rejected', { count: count(rejected) })}: ${why}`))
  for (const { code, at, node, nodeAt } of last) {
    const time = new Date(at).toLocaleTimeString()
    box.append(
      $('<div class="rowline-quiet">').text(texts('last', { code, time, node })).append(showButton(nodeAt, texts)),
    )
  }
  return box
}

function findingsOf({ findings, limit }: PipelineView, context: CardContext): JQuery {
  const { texts } = context
  const box = $('<div class="rowline-findings">')
  const [first] = findings
  const others = limit ? findings.slice(1) : findings
  const one = ({ code, values, at, name }: PipelineView['findings'][number]) => {
    const line = $('<p>').attr('data-finding', code)
    line.append($('<b>').text(name), document.createTextNode(` ${texts(`finding.${code}.text`, values)} `))
    line.append($('<i>').text(texts(`finding.${code}.advice`, values)))
    return at === '' ? line : line.append(showButton(at, texts))
  }
  if (limit && first) box.append(one(first).addClass('rowline-limit'))
  if (others.length === 0) return box
  const folded = $('<details>').prop('open', context.isOpen)
  folded.append($('<summary>').text(`${texts('may')} (${others.length})`), ...others.map(one))
  folded.on('toggle', () => context.onToggle(folded.prop('open') === true))
  return box.append(folded)
}
