import type { NodeAPI } from 'node-red'
import type { NodeDeclaration } from '../../src/config/declaration.ts'
import { askPermission } from '../../src/config/editor-questions.ts'
import { expandEnvironment } from '../../src/config/environment.ts'
import { parseFields } from '../../src/config/fields.ts'
import { withIds } from '../../src/config/table-references.ts'
import { messageOf, PipelineError } from '../../src/core/errors.ts'
import { type Record, toJson } from '../../src/core/record.ts'
import { inFields } from '../../src/mqtt/config.ts'
import { createRouter } from '../../src/mqtt/router.ts'
import { type RowDecoderConfig, type RowSchemaConfig, rowDecoderFields, schemaOf } from '../../src/rows/config.ts'
import { createDecoder } from '../../src/rows/decode-record.ts'
import type { Preview, SinkDefinition } from '../../src/sinks/definition.ts'
import { previewText } from '../../src/sinks/preview-text.ts'

export const previewPath = '/rowline/preview'

interface Raw {
  readonly [property: string]: unknown
}

/** What the editor asks: one message, and the nodes as they stand there, deployed or not. */
export interface PreviewRequest {
  readonly topic: string
  readonly payload: string
  readonly encoding: BufferEncoding
  /** By id: sources, decoder, sink, and the config nodes they refer to; each with its `type`. */
  readonly nodes: { readonly [id: string]: Raw }
  /** The `mqtt-v3-in` that the message may come from. */
  readonly inputs?: readonly string[]
  readonly decoder?: string
  readonly sink?: string
}

export type PreviewAnswer =
  | { readonly outcome: 'shown'; readonly parts: Preview; readonly route?: RouteNotice }
  | { readonly outcome: 'skipped' }
  | { readonly outcome: 'rejected'; readonly node: string; readonly reason: string; readonly message: string }
  | { readonly outcome: 'invalid'; readonly problems: readonly string[] }

/** Which schema of its routes the decoder has taken: that of `route`, or none, as it lists no such route or none is known. */
export interface RouteNotice {
  readonly kind: 'listed' | 'unlisted' | 'unknown'
  readonly route: string
}

/** What the registered node types know of themselves. */
export interface KnownTypes {
  readonly declarations: ReadonlyMap<string, NodeDeclaration>
  readonly sinks: ReadonlyMap<string, SinkDefinition>
  /** What `${name}` stands for in the node of this id: variables of its flow too, once it has been deployed. */
  variable(name: string, id: string): string | undefined
}

/** POST, for users who may write: a schema is compiled, and an expensive one takes time from the flows. */
export function servePreview(RED: NodeAPI, types: KnownTypes): void {
  RED.httpAdmin?.post(previewPath, RED.auth.needsPermission(askPermission), (request, response) => {
    response.json(answer(request.body as PreviewRequest, types))
  })
}

class Invalid extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

function answer(request: PreviewRequest, types: KnownTypes): PreviewAnswer {
  let at = ''
  try {
    return preview(request, types, (type) => {
      at = types.declarations.get(type)?.label ?? type
    })
  } catch (error) {
    if (error instanceof Invalid) return { outcome: 'invalid', problems: error.problems }
    if (!(error instanceof PipelineError) || error.disposition !== 'reject')
      return { outcome: 'invalid', problems: [messageOf(error)] }
    return { outcome: 'rejected', node: at, reason: error.reason, message: error.message }
  }
}

/** `reached` hears of each type of node before it has its turn. */
function preview(request: PreviewRequest, types: KnownTypes, reached: (type: string) => void): PreviewAnswer {
  const { nodes, decoder, sink } = request
  const read = <C>(id: string) => configOf<C>(nodes, id, types)
  let record: Record | undefined = { ...receivedRecord(request), ...placeOf(request, types) }
  let notice: { readonly route?: RouteNotice } = {}
  if (decoder !== undefined) {
    reached('row-decoder')
    const config = read<RowDecoderConfig>(decoder)
    notice = noticeOf(config, record)
    const decode = createDecoder(config, (id) => schemaOf(read<RowSchemaConfig>(id)))
    record = decode(record)
  }
  if (record === undefined) return { outcome: 'skipped' }
  if (sink === undefined) return { outcome: 'shown', parts: rowParts(record), ...notice }
  const type = String(nodes[sink]?.type)
  reached(type)
  const config = read<Raw>(sink)
  const reference = (field: string) => String(config[field] ?? '')
  const parts = types.sinks.get(type)!.preview(config as never, {
    connection: (field) => read(reference(field)),
    rowSchema: (field) => (reference(field) === '' ? undefined : schemaOf(read<RowSchemaConfig>(reference(field)))),
  })
  return { outcome: 'shown', parts: parts(record), ...notice }
}

function receivedRecord({ topic, payload, encoding }: PreviewRequest): Record {
  const bytes = Buffer.from(encoding === 'hex' ? payload.replace(/\s+/g, '') : payload, encoding)
  return { topic, payload: bytes, qos: 1, retain: false, dup: false, receivedAt: Date.now() }
}

/** What the first source with a row for the topic makes of it. The rest of that node need not be right yet. */
function placeOf({ topic, nodes, inputs = [] }: PreviewRequest, { variable }: KnownTypes): Partial<Record> {
  const { subscriptions, defaultRoute, tag } = inFields
  for (const id of inputs) {
    const { values } = expandEnvironment({ ...nodes[id] }, (name) => variable(name, id))
    const { config } = parseFields({ subscriptions, defaultRoute, tag }, values)
    const self = config?.tag ? { tag: config.tag } : {}
    const routing = config && createRouter(config.subscriptions, config.defaultRoute, self)(topic)
    if (routing) return routing.place
  }
  return {}
}

const routingFormats = rowDecoderFields.routes.when?.values.map(String) ?? []

function noticeOf({ format, routes }: RowDecoderConfig, { route }: Record): { readonly route?: RouteNotice } {
  if (routes.length === 0 || !routingFormats.includes(format)) return {}
  if (route === undefined) return { route: { kind: 'unknown', route: '' } }
  return { route: { kind: routes.some((row) => row.route === route) ? 'listed' : 'unlisted', route } }
}

function rowParts({ payload }: Record): Preview {
  if (payload instanceof Uint8Array) return [['payload', previewText(payload)]]
  if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) return [['value', toJson(payload)]]
  return Object.entries(payload).map(([column, value]) => [column, toJson(value)])
}

/** A connection needs no secrets here: nobody connects. */
function configOf<C>(nodes: PreviewRequest['nodes'], id: string, { declarations, variable }: KnownTypes): C {
  const { type, ...raw } = nodes[id] ?? {}
  const declaration = declarations.get(String(type))
  if (!declaration) throw new Invalid(['a config node is missing'])
  const { fields, check, kind } = declaration
  const named = withIds(fields, raw)
  const declared = Object.fromEntries(Object.keys(fields).map((name) => [name, named[name]]))
  const { values, problems } = expandEnvironment(declared, (name) => variable(name, id))
  const parsed = parseFields(fields, values)
  const all = [...problems, ...parsed.problems]
  if (parsed.config && all.length === 0 && kind !== 'config') all.push(...(check?.(parsed.config) ?? []))
  if (all.length > 0)
    throw new Invalid(
      all.map(({ field, problem }) => `${declaration.label}: ${fields[field]?.label ?? field}: ${problem.text}`),
    )
  return parsed.config as C
}
