import { fillText } from '../../../src/core/problem.ts'
import type { PreviewAnswer, PreviewRequest } from '../preview.ts'
import { mayAsk } from './ask-runtime.ts'
import type { DialogPart, OpenPart } from './dialog-part.ts'
import type { Values } from './problems.ts'
import { isDecoder, isInput, nodesBefore, offerRoutes, type PlacedNode } from './upstream.ts'

type Texts = (key: string) => string

const editedNode = ({ id = '' }: OpenPart) => RED.nodes.node(id) as unknown as PlacedNode

/** The last message, for the next dialog: a flow is looked at node by node. */
const sampleKey = 'rowline-sample'
const encodings = ['text', 'hex', 'base64'] as const

/** Below the fields of decoders and sinks: what becomes of one message. */
export const part: DialogPart = {
  open(section, form, texts) {
    const parts = markup(section, texts)
    restore(parts)
    if (form.type === 'row-decoder') offerRoutes(section, () => editedNode(form))
    parts.show.on('click', () => {
      if (!mayAsk()) return fill(parts.result, [], texts('forbidden'))
      store(parts)
      parts.result.empty()
      void ask(requestOf(form, parts)).then(
        (answer) => show(parts.result, answer, texts),
        (status: number) => fill(parts.result, [], texts(status === 401 || status === 403 ? 'forbidden' : 'failed')),
      )
    })
    return { changed: () => {} }
  },
}

/** Rejects with the HTTP status. */
function ask(request: PreviewRequest): Promise<PreviewAnswer> {
  return new Promise((resolve, reject) => {
    const data = JSON.stringify(request)
    $.ajax({ url: 'rowline/preview', method: 'POST', contentType: 'application/json', data })
      .done(resolve)
      .fail(({ status }) => reject(status))
  })
}

function requestOf(form: OpenPart, { topic, payload, encoding }: ReturnType<typeof markup>): PreviewRequest {
  const edited = editedNode(form)
  const nodes: { [id: string]: Values } = {}
  const isSink = edited.type !== 'row-decoder'
  const decoder = isSink ? nodesBefore(edited, isDecoder)[0] : edited
  const inputs = nodesBefore(decoder ?? edited, isInput)
  collect(edited, form.values(), nodes)
  for (const node of [...(decoder && isSink ? [decoder] : []), ...inputs]) collect(node, node, nodes)
  return {
    topic: String(topic.val()),
    payload: String(payload.val()),
    encoding: encoding.val() === 'text' ? 'utf8' : (encoding.val() as 'hex' | 'base64'),
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
  result[0]!.scrollIntoView({ block: 'nearest' })
}

function store({ topic, payload, encoding }: ReturnType<typeof markup>): void {
  sessionStorage.setItem(sampleKey, JSON.stringify([topic.val(), payload.val(), encoding.val()]))
}

function restore({ topic, payload, encoding }: ReturnType<typeof markup>): void {
  const [ownTopic = '', ownPayload = '', ownEncoding = 'text'] = JSON.parse(
    sessionStorage.getItem(sampleKey) ?? '[]',
  ) as string[]
  topic.val(ownTopic)
  payload.val(ownPayload)
  encoding.val(ownEncoding)
}

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
