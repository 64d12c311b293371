import { fillText, Problem } from '../../../src/core/problem.ts'
import type { Sampled } from '../../../src/mqtt/sample-limits.ts'
import { type Inferred, inferColumns } from '../../../src/rows/infer.ts'
import { flowEditor } from './editor-flow.ts'
import { addOption } from './input.ts'
import { openSample, payloadLines, type SampleSource, takeHandedOver } from './sample.ts'

type Texts = (key: string) => string

interface Taker {
  take(columns: Inferred['columns']): void
  say(problem: Problem): string
}

/** *Columns from payloads* of a row schema: pasted, or sampled from a broker, of one topic or of all. */
export class InferSection {
  readonly #texts: Texts
  readonly #taker: Taker
  readonly #payloads = $<HTMLTextAreaElement>('<textarea rows="6" spellcheck="false">')
  readonly #inputs = $<HTMLSelectElement>('<select class="rowline-inputs">')
  readonly #topics = $<HTMLSelectElement>('<select class="rowline-topic">')
  readonly #byTopic: JQuery
  readonly #differ = $('<div class="rowline-said rowline-differ" role="status">').hide()
  readonly #allDoubles: JQuery
  readonly #reasons = $('<ul class="rowline-reasons" role="status">')
  readonly #sample: ReturnType<typeof openSample>
  #samples: readonly Sampled[] = []
  #doubles: ReadonlySet<string> = new Set()

  constructor(section: JQuery, texts: Texts, taker: Taker) {
    this.#texts = texts
    this.#taker = taker
    this.#sample = this.#openSample()
    this.#byTopic = $('<div class="rowline-ask" hidden>').append($('<span>').text(texts('topics')), this.#topics)
    this.#topics.attr('aria-label', texts('topics'))
    this.#allDoubles = button(texts('doubles'), 'rowline-doubles').hide()
    const infer = button(texts('infer'), 'rowline-infer')
    section.append(
      this.#sample.line,
      this.#byTopic,
      this.#differ,
      this.#payloads,
      $('<div class="rowline-view">').append(infer, this.#allDoubles),
      this.#reasons,
    )
    infer.on('click', () => this.#infer(new Set()))
    this.#payloads.on('input', () => this.#hear([]))
    this.#topics.on('change', () => {
      this.#enter()
      this.#infer(new Set())
    })
  }

  /** The samples of an open `mqtt-v3-in`, if it has opened this form. */
  takeOver(): boolean {
    const handed = takeHandedOver()
    if (handed.length === 0) return false
    this.#hear(handed)
    this.#enter()
    setTimeout(() => {
      this.#infer(new Set())
      if (this.#differ.is(':visible')) this.#differ.get(0)?.scrollIntoView({ block: 'center' })
    })
    return true
  }

  close(): void {
    this.#sample.close()
  }

  #openSample(): ReturnType<typeof openSample> {
    const node = () => flowEditor().nodes.node(String(this.#inputs.val())) ?? undefined
    const sample = openSample(this.#texts, () => node() as unknown as SampleSource | undefined, {
      started: () => this.#hear([]),
      arrived: (one) => {
        this.#hear([...this.#samples, one])
        this.#enter()
      },
    })
    sample.line.find('button').after($('<span>').text(this.#texts('sampleOf')), this.#inputs)
    flowEditor().nodes.eachNode((node) => {
      const label = () => flowEditor().utils.getNodeLabel(node, node.id)
      if (node.type === 'mqtt-v3-in') addOption(this.#inputs, node.id, label())
      return true
    })
    sample.line.toggle(this.#inputs.children().length > 0)
    return sample
  }

  /** Offers the topics of the samples where there are several. */
  #hear(samples: readonly Sampled[]): void {
    this.#samples = samples
    this.#differ.hide()
    const byTopic = linesByTopic(samples)
    this.#byTopic.prop('hidden', byTopic.size < 2)
    this.#topics.empty()
    addOption(this.#topics, '', fillText(this.#texts('everyTopic'), { count: String(byTopic.size) }))
    for (const [topic, { length }] of byTopic)
      addOption(this.#topics, topic, fillText(this.#texts('oneTopic'), { topic, count: String(length) }))
  }

  #enter(): void {
    const topic = String(this.#topics.val() ?? '')
    const wanted = this.#samples.filter((sample) => topic === '' || sample.topic === topic)
    this.#payloads.val(payloadLines(wanted).join('\n'))
  }

  #infer(doubles: ReadonlySet<string>): void {
    this.#doubles = doubles
    const lines = String(this.#payloads.val() ?? '').split('\n')
    const inferred = inferColumns(
      lines.filter((line) => line.trim() !== ''),
      doubles,
    )
    this.#reasons.empty()
    this.#allDoubles.hide()
    this.#sayDifferent()
    if (inferred instanceof Problem) this.#reasons.append($('<li>').text(this.#taker.say(inferred)))
    else this.#show(inferred)
  }

  #show({ columns, reasons }: Inferred): void {
    this.#taker.take(columns)
    const whole = reasons.filter(({ mayGetFractions }) => mayGetFractions).map(({ path }) => path)
    const also = (paths: readonly string[]) => this.#infer(new Set([...this.#doubles, ...paths]))
    this.#allDoubles
      .toggle(whole.length > 1)
      .off('click')
      .on('click', () => also(whole))
    for (const { path, type, why, mayGetFractions } of reasons) {
      const reason = why.map((one) => this.#taker.say(one)).join(', ')
      const line = $('<li>').append($('<span>').text(`${path}: ${type} (${reason})`))
      const double = () => button(this.#texts('double'), 'red-ui-button-small rowline-double')
      if (mayGetFractions)
        line.append(
          ' ',
          double().on('click', () => also([path])),
        )
      this.#reasons.append(line)
    }
  }

  #sayDifferent(): void {
    const byTopic = linesByTopic(this.#samples)
    const fields = new Set([...byTopic.values()].map(fieldsOf))
    this.#differ
      .text(fillText(this.#texts('differ'), { count: String(byTopic.size) }))
      .toggle(fields.size > 1 && this.#topics.val() === '')
  }
}

const button = (text: string, classes: string) =>
  $('<button type="button" class="red-ui-button">').addClass(classes).text(text)

function linesByTopic(samples: readonly Sampled[]): ReadonlyMap<string, readonly string[]> {
  const topics = [...new Set(samples.map(({ topic }) => topic))].sort()
  const lines = (topic: string) => payloadLines(samples.filter((sample) => sample.topic === topic))
  return new Map(topics.map((topic) => [topic, lines(topic)] as const).filter(([, { length }]) => length > 0))
}

/** What a topic's payloads have, as one text to compare. */
function fieldsOf(lines: readonly string[]): string {
  const inferred = inferColumns(lines)
  if (inferred instanceof Problem) return ''
  return inferred.reasons
    .map(({ path }) => path)
    .sort()
    .join('\n')
}
