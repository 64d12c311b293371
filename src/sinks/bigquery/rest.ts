import type { GoogleConfig } from '../../google/config.ts'
import { RestError } from './errors.ts'

/** A column in the words of the REST interface; types also come by the names that SQL gives them. */
export interface TableField {
  readonly name: string
  readonly type: string
  readonly mode?: string
  readonly fields?: readonly TableField[]
  readonly precision?: string
  readonly scale?: string
}

export interface Table {
  readonly etag?: string
  readonly schema?: { readonly fields?: readonly TableField[] }
  readonly timePartitioning?: { readonly type: string; readonly field?: string }
  readonly clustering?: { readonly fields: readonly string[] }
}

export interface TablePlace {
  readonly project: string
  readonly dataset: string
  readonly table: string
}

/** What insertAll says about a row that it has not stored. */
export interface InsertError {
  readonly index: number
  readonly errors?: readonly { readonly reason?: string; readonly message?: string; readonly location?: string }[]
}

export interface RestOptions {
  /** Without a path. */
  readonly origin: string
  readonly place: TablePlace
  /** Who we are, asked for at each request. */
  readonly headers: (signal: AbortSignal) => Promise<{ readonly [name: string]: string }>
  readonly timeoutMs: number
}

/** BigQuery's REST interface, as far as one table needs it. Rejects with RestErrors and what `fetch` throws. */
export class TableRest {
  readonly #options: RestOptions
  readonly #tables: string
  constructor(options: RestOptions) {
    this.#options = options
    const { project, dataset } = options.place
    this.#tables = `/bigquery/v2/projects/${encodeURIComponent(project)}/datasets/${dataset}/tables`
  }

  get #table(): string {
    return `${this.#tables}/${encodeURIComponent(this.#options.place.table)}`
  }

  async read(signal: AbortSignal): Promise<Table> {
    return (await this.#ask('GET', this.#table, undefined, signal)) as Table
  }

  async create(table: Table, signal: AbortSignal): Promise<void> {
    const { project, dataset, table: tableId } = this.#options.place
    const tableReference = { projectId: project, datasetId: dataset, tableId }
    await this.#ask('POST', this.#tables, { tableReference, ...table }, signal)
  }

  /** Only while the table is as `etag` says: columns that somebody else adds at the same time are not lost. */
  async patch(table: Table, etag: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#ask('PATCH', this.#table, table, signal, etag === undefined ? {} : { 'if-match': etag })
  }

  /** The rows that are not stored; the others are. */
  async insertAll(
    rows: readonly { readonly insertId: string; readonly json: object }[],
    signal: AbortSignal,
  ): Promise<readonly InsertError[]> {
    const body = { skipInvalidRows: true, ignoreUnknownValues: false, rows }
    const answer = await this.#ask('POST', `${this.#table}/insertAll`, body, signal)
    return (answer as { readonly insertErrors?: readonly InsertError[] }).insertErrors ?? []
  }

  #ask(method: string, path: string, body: unknown, signal: AbortSignal, more = {}): Promise<unknown> {
    return askRest(this.#options, { method, path, body, more }, signal)
  }
}

interface RestRequest {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly more?: { readonly [header: string]: string }
}

/** One question. Rejects with a RestError and what `fetch` throws. */
export async function askRest(
  { origin, headers, timeoutMs }: Omit<RestOptions, 'place'>,
  { method, path, body, more }: RestRequest,
  signal: AbortSignal,
): Promise<unknown> {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(await headers(signal)), ...more },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  })
  const text = await response.text()
  if (!response.ok) throw restError(response.status, text)
  return JSON.parse(text || '{}')
}

/** Without a path: the emulator's, else Google's. */
export const originOf = ({ bigqueryEmulator }: GoogleConfig): string =>
  bigqueryEmulator.replace(/\/+$/, '') || 'https://bigquery.googleapis.com'

interface ErrorBody {
  readonly error?: { readonly message?: string; readonly errors?: readonly { readonly reason?: string }[] }
}

function restError(status: number, text: string): RestError {
  try {
    const { error } = JSON.parse(text) as ErrorBody
    if (error) return new RestError(status, error.errors?.[0]?.reason ?? '', error.message ?? `HTTP status ${status}`)
  } catch {
    // A proxy answers in its own words.
  }
  return new RestError(status, '', `HTTP status ${status} ${text.slice(0, 200)}`.trim())
}
