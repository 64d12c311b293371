import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Node, NodeAPI } from 'node-red'
import type { NodeDeclaration } from '../../src/config/declaration.ts'
import { askPermission, maskedSecret, type Question } from '../../src/config/editor-questions.ts'
import { expandEnvironment } from '../../src/config/environment.ts'
import type { ConfigOf, Fields } from '../../src/config/fields.ts'
import { toPipelineError } from '../../src/core/errors.ts'
import type { Step } from '../../src/core/steps.ts'
import { environment, parseRaw, type ReadConfig } from './register-node.ts'
import { type Rowline, rowlineOf } from './rowline.ts'

/** At once, over all users: each may hold several connections. */
const mostAtOnce = 4
const answerMs = 20_000

export interface Asked<C> {
  readonly config: C
  readonly question: Question
  readonly rowline: Rowline
  /** A text of the form with its `${NAME}` filled in, where those are known. */
  readonly expand: (text: string) => string
  /** Aborted when the time is up or the user has gone. */
  readonly signal: AbortSignal
}

/**
 * POST `rowline/<purpose>/<type>` of the editor: what `answer` finds out over the network with the values of an open
 * form, one line of JSON each, as soon as it is known. Values that cannot be used are answered with a failed step.
 */
export function answerEditor<F extends Fields>(
  RED: NodeAPI,
  purpose: string,
  declaration: NodeDeclaration<F>,
  answer: (asked: Asked<ConfigOf<F>>) => AsyncIterable<object>,
): void {
  const rowline = rowlineOf(RED)
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const question = questionIn((request as { readonly body?: unknown }).body)
    if (!question) return refuse(response, 400)
    if (rowline.asking >= mostAtOnce) return refuse(response, 429)
    rowline.asking++
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(answerMs)])
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' })
    const send = (line: object) => response.write(`${JSON.stringify(line)}\n`)
    try {
      const { config, problems } = readQuestion(RED, question, declaration)
      if (config === undefined) send(wrongSettings(problems))
      else await sendAll(answer({ config, question, rowline, signal, expand: expanderOf(RED, question) }), send, signal)
    } catch (error) {
      send(wrongSettings([toPipelineError(error).message]))
    } finally {
      rowline.asking--
      response.end()
    }
  }
  RED.httpAdmin?.post(
    `/rowline/${purpose}/${declaration.type}`,
    RED.auth.needsPermission(askPermission),
    (request, response) => void handle(request, response),
  )
}

async function sendAll(lines: AsyncIterable<object>, send: (line: object) => void, signal: AbortSignal): Promise<void> {
  for await (const line of lines) {
    send(line)
    if (signal.aborted) return
  }
}

const refuse = (response: ServerResponse, status: number) => void response.writeHead(status).end()

const wrongSettings = (problems: readonly string[]): Step => ({
  step: 'settings',
  state: 'failed',
  values: {},
  problem: problems.join('\n'),
})

function questionIn(body: unknown): Question | undefined {
  const { id, values } = Object(body) as { readonly id?: unknown; readonly values?: unknown }
  if (values === null || typeof values !== 'object') return undefined
  return { ...(typeof id === 'string' && { id }), ...(body as object), values: { ...values } }
}

/** Stored secrets are those of the node itself: the id of another type is of no use. */
function readQuestion<F extends Fields>(
  RED: NodeAPI,
  { id = '', values }: Question,
  declaration: NodeDeclaration<F>,
): ReadConfig<F> {
  const { type, fields } = declaration
  const stored = isOfType(RED, id, type) ? RED.nodes.getCredentials(id) : undefined
  const secrets = Object.entries(fields).filter(([, { kind }]) => kind === 'secret')
  const known = secrets
    .filter(([name]) => values[name] === undefined || values[name] === maskedSecret)
    .map(([name]) => [name, (stored as { readonly [name: string]: unknown } | undefined)?.[name] ?? ''])
  const node = (RED.nodes.getNode(id) ?? undefined) as Node | undefined
  const raw = { ...values, ...Object.fromEntries(known) }
  return parseRaw(RED, { node, raw, stored: () => values }, declaration)
}

function expanderOf(RED: NodeAPI, { id = '' }: Question): (text: string) => string {
  const node = (RED.nodes.getNode(id) ?? undefined) as Node | undefined
  return (text) => String(expandEnvironment({ text }, (name) => environment(RED, node, name)).values.text)
}

function isOfType(RED: NodeAPI, id: string, type: string): boolean {
  let found = false
  RED.nodes.eachNode((definition) => {
    found ||= definition.id === id && definition.type === type
  })
  return found
}
