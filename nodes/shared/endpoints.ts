import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { NodeAPI } from 'node-red'
import type { Settings } from '../../src/config/settings.ts'
import { messageOf } from '../../src/core/errors.ts'
import { expose, type Metric } from '../../src/metrics/exposition.ts'
import { rowsOf } from '../../src/metrics/gauge.ts'
import { type HealthProblem, problemsOf, remarksOf } from './health.ts'
import { type Measured, metricsOf } from './metrics.ts'

export const metricsPath = '/rowline/metrics'
export const healthPath = '/rowline/health'
export const rowsPath = '/rowline/rows'

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly text: string
}
type Endpoint = () => Answer | Promise<Answer>

/**
 * GET `/rowline/metrics` and `/rowline/rows` (Prometheus) and `/rowline/health` (200 or 503, JSON), on Node-RED's own server, where its
 * `httpNodeAuth` counts for them, or on a port of their own.
 */
export function serveNumbers(RED: NodeAPI, settings: Settings, measure: () => Measured): void {
  const endpoints: { readonly [path: string]: Endpoint } = {
    [metricsPath]: () => exposed(metricsOf(measure())),
    [rowsPath]: () => exposed(rowsOf(measure().gauges)),
    [healthPath]: () => health(measure()),
  }
  const handle = (path: string, request: IncomingMessage, response: ServerResponse) =>
    void answer(endpoints[path], settings.metricsToken, request, response)
  if (settings.metricsPort > 0) listen(RED, settings, handle)
  else if (!RED.httpNode) RED.log.warn(`Rowline: httpNodeRoot is off: rowline.metricsPort gives ${metricsPath} a port`)
  else for (const path of Object.keys(endpoints)) RED.httpNode.get(path, (req, res) => handle(path, req, res))
}

async function exposed(metrics: readonly Metric[]): Promise<Answer> {
  const { text, contentType } = await expose(metrics)
  return { status: 200, contentType, text }
}

function health({ snapshot, labelsOf, maxUnconfirmedAgeMs, red }: Measured): Answer {
  const named = ({ id, type, problem }: HealthProblem) => ({
    pipeline: labelsOf(id)?.pipeline ?? '',
    node: labelsOf(id)?.node ?? id,
    type,
    problem,
  })
  const problems = problemsOf(snapshot, maxUnconfirmedAgeMs, Date.now()).map(named)
  const stuck = [...red].map(({ labels, problem }) => ({ ...labels, problem }))
  const remarks = [...remarksOf(snapshot).map(named), ...stuck]
  const status = problems.length === 0 ? 'ok' : 'failing'
  const text = JSON.stringify({ status, problems, remarks })
  return { status: problems.length === 0 ? 200 : 503, contentType: 'application/json', text }
}

type Handle = (path: string, request: IncomingMessage, response: ServerResponse) => void

function listen(RED: NodeAPI, { metricsPort: port, metricsHost }: Settings, handle: Handle): Server {
  const server = createServer((request, response) => handle(request.url?.split('?')[0] ?? '', request, response))
  server.on('error', (error) => RED.log.error(`Rowline: settings.js: rowline.metricsPort ${port}: ${messageOf(error)}`))
  return server.listen(port, metricsHost || RED.settings.uiHost).unref()
}

async function answer(
  endpoint: Endpoint | undefined,
  token: string,
  { headers: { authorization = '' } }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, contentType, text } = await answerOf(endpoint, token, authorization)
  response.writeHead(status, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(text)
}

async function answerOf(endpoint: Endpoint | undefined, token: string, authorization: string): Promise<Answer> {
  const plain = (status: number, text: string) => ({ status, contentType: 'text/plain', text })
  if (!endpoint) return plain(404, 'not found')
  if (token !== '' && !isSame(authorization, `Bearer ${token}`)) return plain(401, 'a bearer token is needed')
  try {
    return await endpoint()
  } catch (error) {
    return plain(500, messageOf(error))
  }
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
