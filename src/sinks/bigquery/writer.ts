import type { PipelineError } from '../../core/errors.ts'
import type { AppendStream } from './append-stream.ts'
import { classifyRow, rejectedRow } from './errors.ts'
import { type BigQueryRequest, mostRequestBytes } from './request.ts'
import type { TableRest } from './rest.ts'

/** What has become of the requests of a batch, also of one whose write has failed in the middle. */
export interface Fates {
  stored(request: BigQueryRequest): void
  rejected(request: BigQueryRequest, error: PipelineError): void
}

/** A way of writing rows. `write` resolves when each request has its fate, and throws what the libraries throw. */
export interface TableWriter {
  /** Finishes what an earlier run of the program has left open. */
  open(signal: AbortSignal): Promise<void>
  /** Gives whether the table has changed. */
  write(requests: readonly BigQueryRequest[], fates: Fates, signal: AbortSignal): Promise<boolean>
  close(): void
}

export interface RowStream {
  readonly stream: AppendStream
  readonly descriptor: Buffer
  /** `projects/p/datasets/d/tables/t`. */
  readonly tablePath: string
  /** In words, for errors. */
  readonly name: string
}

/** The stream that every table has: rows are visible at once, and an append whose answer is lost is stored twice. */
export class DefaultStreamWriter implements TableWriter {
  readonly #rows: RowStream
  constructor(rows: RowStream) {
    this.#rows = rows
  }

  async open(): Promise<void> {}

  async write(requests: readonly BigQueryRequest[], fates: Fates, signal: AbortSignal): Promise<boolean> {
    const { stream, descriptor, tablePath, name } = this.#rows
    let isChanged = false
    for (const chunk of chunks(requests)) {
      await withoutBadRows(chunk, fates, name, async (good) => {
        const rows = good.map(({ row }) => row as Buffer)
        const answer = await stream.append({ stream: `${tablePath}/streams/_default`, descriptor, rows }, signal)
        isChanged ||= answer.isSchemaUpdated
        return answer
      })
    }
    return isChanged
  }

  close(): void {
    this.#rows.stream.close()
  }
}

interface WithRowErrors {
  readonly rowErrors: readonly { readonly index: number; readonly message: string }[]
}

/** Google stores no row of an append in which one is bad, and may not name all of them: the others are sent again. */
export async function withoutBadRows(
  requests: readonly BigQueryRequest[],
  fates: Fates,
  name: string,
  append: (good: readonly BigQueryRequest[]) => Promise<WithRowErrors>,
): Promise<void> {
  let good = requests
  while (good.length > 0) {
    const { rowErrors } = await append(good)
    if (rowErrors.length === 0) {
      for (const request of good) fates.stored(request)
      return
    }
    const bad = new Map(rowErrors.map(({ index, message }) => [index, message]))
    const left = good.filter((_, i) => !bad.has(i))
    if (left.length === good.length) throw new Error(`${name} names bad rows that were not sent`)
    for (const [i, request] of good.entries()) {
      const message = bad.get(i)
      if (message !== undefined) fates.rejected(request, rejectedRow(message, name))
    }
    good = left
  }
}

/** In requests of less than Google's limit. */
export function chunks(requests: readonly BigQueryRequest[]): readonly (readonly BigQueryRequest[])[] {
  const all: BigQueryRequest[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const request of requests) {
    const size = request.bytes + rowOverhead
    if (bytes + size > mostRequestBytes || all.at(-1)?.length === mostRequestRows) {
      all.push([])
      bytes = 0
    }
    all.at(-1)!.push(request)
    bytes += size
  }
  return all
}

/** Of the service for insertAll, which refuses more. */
const mostRequestRows = 50_000

/** What stands around a row: its length, or its insertId. */
const rowOverhead = 100

/** The older interface. BigQuery knows repeats by their insertId for about a minute, and promises nothing. */
export class InsertAllWriter implements TableWriter {
  readonly #rest: TableRest
  readonly #name: string
  constructor(rest: TableRest, name: string) {
    this.#rest = rest
    this.#name = name
  }

  async open(): Promise<void> {}

  async write(requests: readonly BigQueryRequest[], fates: Fates, signal: AbortSignal): Promise<boolean> {
    for (const chunk of chunks(requests)) await this.#insert(chunk, fates, signal)
    return false
  }

  close(): void {}

  /** Stores the good rows of a request; what is refused for a reason that passes makes it fail. */
  async #insert(requests: readonly BigQueryRequest[], fates: Fates, signal: AbortSignal): Promise<void> {
    const rows = requests.map(({ insertId, row }) => ({ insertId, json: row as object }))
    const errors = await this.#rest.insertAll(rows, signal)
    if (errors.some(({ index }) => requests[index] === undefined || typeof index !== 'number'))
      throw new Error(`${this.#name} names bad rows that were not sent`)
    const failures = new Map(errors.map(({ index, errors: [first] = [] }) => [index, this.#failure(first)]))
    let held: PipelineError | undefined
    for (const [i, request] of requests.entries()) {
      const failure = failures.get(i)
      if (!failure) fates.stored(request)
      else if (failure.disposition === 'reject') fates.rejected(request, failure)
      else held = failure
    }
    if (held) throw held
  }

  #failure(error: { readonly reason?: string; readonly message?: string; readonly location?: string } = {}) {
    const { reason = '', message = '', location = '' } = error
    return classifyRow(reason, location === '' ? message : `${location}: ${message}`, this.#name)
  }
}
