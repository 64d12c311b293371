import { fillText } from '../../../src/core/problem.ts'
import type { PreviewAnswer, PreviewRequest } from '../preview.ts'
import { mayAsk } from './ask-runtime.ts'
import type { DialogPart, OpenPart } from './dialog-part.ts'
import { LatestOnly } from './latest-only.ts'
import { encodings, type PreviewSample } from './preview-sample.ts'
import type { Values } from './problems.ts'
import { onStoredSample, storedSample, storeSample } from './stored-sample.ts'
import { isDecoder, isInput, nodesBefore, offerRoutes, type PlacedNode } from './upstream.ts'

type Texts = (key: string) => string

const editedNode = ({ id = '' }: OpenPart) => RED.nodes.node(id) as unknown as PlacedNode

/** Below the fields of decoders and sinks: what becomes of one message. Once shown, it follows every change. */
export const part: DialogPart = {
  open(section, form, texts) {
    const parts = markup(section, texts)
    restore(parts)
    if (form.type === 'row-decoder') offerRoutes(section, () => editedNode(form))
    const live = new LivePreview(form, parts, texts)
    parts.show.on('click', () => live.show())
    const follow = () => live.follow()
    const unhear = onStoredSample(() => {
      restore(parts)
      follow()
    })
    // The config nodes that the form refers to.
    RED.events.on('editor:save', follow)
    const close = () => {
      live.close()
      unhear()
      RED.events.off('editor:save', follow)
    }
    return { changed: follow, close }
  },
}

class LivePreview {
  readonly #form: OpenPart
  readonly #parts: Parts
  readonly #texts: Texts
  readonly #latest = new LatestOnly(() => this.#ask())
  /** Whether somebody has wanted to see it. */
  #isLive = false
  #isPressed = false
  #asked = ''
  #answer = () => {}

  constructor(form: OpenPart, parts: Parts, texts: Texts) {
    this.#form = form
    this.#parts = parts
    this.#texts = texts
  }

  show(): void {
    this.#isLive = mayAsk()
    if (!this.#isLive) return void this.#say('forbidden')
    this.#isPressed = true
    this.#asked = ''
    this.#parts.result.empty()
    this.#latest.now()
  }

  follow(): void {
    if (this.#isLive) this.#latest.soon()
  }

  close(): void {
    this.#latest.close()
  }

  async #ask(): Promise<() => void> {
    const request = JSON.stringify(requestOf(this.#form, this.#parts))
    if (request === this.#asked) return this.#answer
    this.#asked = request
    storeSample(sampleIn(this.#parts))
    this.#answer = await ask(request).then(
      (answer) => () => this.#show(answer),
      (status: number) => () => this.#fail(status),
    )
    return this.#answer
  }

  /** Only for who has pressed the button: who changes a field looks at that field. */
  #show(answer: PreviewAnswer): void {
    const { result } = this.#parts
    show(result, answer, this.#texts)
    if (this.#isPressed) result[0]!.scrollIntoView({ block: 'nearest' })
    this.#isPressed = false
  }

  #fail(status: number): void {
    const isForbidden = status === 401 || status === 403
    this.#isLive &&= !isForbidden
    this.#asked = ''
    this.#say(isForbidden ? 'forbidden' : 'failed')
  }

  #say(key: string): void {
    fill(this.#parts.result, [], this.#texts(key))
  }
}

/** Rejects with the HTTP status. */
function ask(data: string): Promise<PreviewAnswer> {
  return new Promise((resolve, reject) => {
    $.ajax({ url: 'rowline/preview', method: 'POST', contentType: 'application/json', data })
      .done(resolve)
      .fail(({ status }) => reject(status))
  })
}

function requestOf(form: OpenPart, parts: Parts): PreviewRequest {
  const { topic, payload, encoding } = sampleIn(parts)
  const edited = editedNode(form)
  const nodes: { [id: string]: Values } = {}
  const isSink = edited.type !== 'row-decoder'
  const decoder = isSink ? nodesBefore(edited, isDecoder)[0] : edited
  const inputs = nodesBefore(decoder ?? edited, isInput)
  collect(edited, form.values(), nodes)
  for (const node of [...(decoder && isSink ? [decoder] : []), ...inputs]) collect(node, node, nodes)
  return {
    topic,
    payload,
    encoding: encoding === 'text' ? 'utf8' : encoding,
    nodes,
    inputs: inputs.map(({ id }) => id),
    ...(decoder ? { decoder: decoder.id } : {}),
    ...(isSink ? { sink: edited.id } : {}),
  }
}

/** The node with `values` for its properties, and every config node that one of them names. Credentials stay away. */
function collect(node: PlacedNode, values: Values, nodes: { [id: string]: Values }): void {
  const own = Object.fromEntries(Object.keys(node._def.defaults).map((name) => [name, values[name]]))
  nodes[node.id] = { ...own, type: node.type }
  for (const id of JSON.stringify(own).match(/[0-9a-zA-Z._-]+/g) ?? []) {
    const found = RED.nodes.node(id) as unknown as PlacedNode | undefined
    if (found && (found._def as unknown as { category?: string }).category === 'config' && !nodes[id])
      collect(found, found, nodes)
  }
}

function show(result: JQuery, answer: PreviewAnswer, texts: Texts): void {
  const route = answer.outcome === 'shown' ? answer.route : undefined
  if (answer.outcome === 'shown') fill(result, answer.parts)
  else if (answer.outcome === 'skipped') fill(result, [], texts('skipped'))
  else if (answer.outcome === 'invalid') fill(result, [], [texts('invalid'), ...answer.problems].join('\n'))
  else fill(result, [], fillText(texts('rejected'), answer))
  if (route)
    $('<div class="rowline-preview-route">')
      .text(fillText(texts(route.kind), { route: route.route }))
      .toggleClass('rowline-preview-problem', route.kind !== 'listed')
      .prependTo(result)
}

function fill(result: JQuery, parts: readonly (readonly [string, string])[], problem = ''): void {
  const cells = parts.map(([part, text]) =>
    $('<tr>').append($('<th scope="row">').text(part), $('<td>').append($('<code>').text(text))),
  )
  const table = $('<table class="rowline-preview">').append(cells)
  result.empty().append(problem === '' ? table : $('<div class="rowline-preview-problem">').text(problem))
}

const sampleIn = ({ topic, payload, encoding }: Parts): PreviewSample => ({
  topic: String(topic.val()),
  payload: String(payload.val()),
  encoding: encoding.val() as PreviewSample['encoding'],
})

function restore(parts: Parts): void {
  const sample = storedSample()
  for (const name of ['topic', 'payload', 'encoding'] as const) parts[name].val(sample[name])
}

type Parts = ReturnType<typeof markup>

function markup(section: JQuery, texts: Texts) {
  const parts = {
    topic: $<HTMLInputElement>('<input type="text" class="rowline-preview-topic">').attr('placeholder', texts('topic')),
    encoding: $<HTMLSelectElement>('<select>').append(
      encodings.map((each) => $('<option>').val(each).text(texts(each))),
    ),
    payload: $<HTMLTextAreaElement>('<textarea rows="4" spellcheck="false">').attr('placeholder', texts('payload')),
    show: $('<button type="button" class="red-ui-button rowline-preview-show">').text(texts('show')),
    result: $('<div role="status">'),
  }
  for (const name of ['topic', 'payload'] as const) parts[name].attr('aria-label', texts(name))
  const folded = $('<details class="rowline-folded rowline-payloads">').append(
    $('<summary>').text(texts('title')),
    $('<div class="rowline-note">').text(texts('note')),
    $('<div class="rowline-view">').append(parts.topic, parts.encoding),
    parts.payload,
    parts.show,
    parts.result,
  )
  section.empty().append(folded)
  return parts
}
