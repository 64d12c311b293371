import { PipelineError } from '../../core/errors.ts'
import { GrpcError } from '../../google/errors.ts'
import type { GrpcChannel } from '../../google/grpc.ts'
import { decodeRowCount, decodeStreamName, encodeCreateStream, encodeFinalize } from './append.ts'
import type { Answer } from './append-stream.ts'
import { alreadyExists, isStreamOver, notFound, outOfRange } from './errors.ts'
import type { Intent, IntentFile } from './intents.ts'
import { Positions } from './positions.ts'
import type { BigQueryRequest } from './request.ts'
import { chunks, type Fates, type RowStream, type TableWriter, withoutBadRows } from './writer.ts'

export interface ExactlyOnceOptions {
  readonly rows: RowStream
  readonly channel: GrpcChannel
  readonly intents: IntentFile
  readonly warn: (message: string) => void
}

/**
 * Rows go into a stream of our own, in which Google takes each offset once. Before each append an intent with its rows is
 * on the disk; an append whose answer is not known is repeated as it was before anything else is written, also after a
 * restart, and what its intent names is not written again when the outbox hands it out again. The intents lie in the
 * outbox's folder: whoever puts an older copy of it back must not be told that new readings under its next positions
 * are stored.
 */
export class ExactlyOnceWriter implements TableWriter {
  readonly #options: ExactlyOnceOptions
  #isRestored = false
  #stream: string | undefined
  #offset = 0
  #outbox = ''
  #stored = new Positions()
  /** Sent, or about to be, and not answered. */
  #open: Intent | undefined

  constructor(options: ExactlyOnceOptions) {
    this.#options = options
  }

  /** Nothing yet: another process may still have the outbox, and its intents are then on their way. */
  async open(): Promise<void> {}

  /** The form may name another table than before; what was on its way then belongs to that one. */
  #isOurs(stream: string): boolean {
    return stream.startsWith(`${this.#options.rows.tablePath}/streams/`)
  }

  async write(requests: readonly BigQueryRequest[], fates: Fates, signal: AbortSignal): Promise<boolean> {
    await this.#restore(requests)
    await this.#settleOpen(signal)
    if (this.#stream !== undefined && !this.#isOurs(this.#stream)) this.#leaveStream()
    const { firsts, fates: shared } = onePerId(requests, fates)
    const fresh = firsts.filter((request) => !this.#isStored(request, shared))
    let isChanged = false
    for (const chunk of chunks(fresh)) {
      await withoutBadRows(chunk, shared, this.#options.rows.name, async (good) => {
        const answer = await this.#append(good, signal)
        isChanged ||= answer.isSchemaUpdated
        return answer
      })
    }
    return isChanged
  }

  close(): void {
    this.#options.rows.stream.close()
  }

  /** The last intent, where the outbox hands out again what is in it: what it does not was settled, by whomever. */
  async #restore([first]: readonly BigQueryRequest[]): Promise<void> {
    if (this.#isRestored || !first) return
    const last = await this.#options.intents.read()
    this.#isRestored = true
    if (!last) return
    this.#outbox = last.outbox
    this.#stored = new Positions(last.stored)
    const { outbox, position } = placeOf(first)
    if (last.positions.length === 0 || (outbox === last.outbox && position > last.positions.at(-1)!)) return
    // Its stream is not gone on with: where this is an older copy, others have been stored there since.
    this.#open = last
  }

  #isStored(request: BigQueryRequest, fates: Fates): boolean {
    const { outbox, position } = placeOf(request)
    const isStored = outbox === this.#outbox && this.#stored.has(position)
    if (isStored) fates.stored(request)
    return isStored
  }

  async #append(requests: readonly BigQueryRequest[], signal: AbortSignal): Promise<Answer> {
    const { rows, intents } = this.#options
    const isNew = this.#stream === undefined
    const intent = await this.#intend(requests, signal)
    try {
      return this.#answered(intent, await rows.stream.append(intent, signal))
    } catch (error) {
      // These say for sure that this append, which was sent once, is not stored; the stream has other rows than we know.
      if (isStreamOver(error) || hasCode(error, alreadyExists) || hasCode(error, outOfRange)) {
        this.#leaveStream()
        // Else a repeat after a restart would take what somebody else has stored there for this.
        await intents.write({ ...intent, rows: [], positions: [] })
        // Streams end by themselves, which is no failure of the table: nobody may give up the rows for it.
        if (!isNew) return this.#append(requests, signal)
      } else if (isUnsuited(error)) this.#open = undefined
      throw error
    }
  }

  /** What is appended next, on the disk. */
  async #intend(requests: readonly BigQueryRequest[], signal: AbortSignal): Promise<Intent> {
    const { rows, intents } = this.#options
    const places = requests.map(placeOf)
    const { outbox } = places[0]!
    if (outbox !== this.#outbox) this.#stored = new Positions()
    this.#outbox = outbox
    this.#stream ??= await this.#createStream(signal)
    const intent: Intent = {
      stream: this.#stream,
      offset: this.#offset,
      descriptor: rows.descriptor,
      rows: requests.map(({ row }) => row as Buffer),
      outbox,
      positions: places.map(({ position }) => position),
      stored: this.#stored.ranges,
    }
    await intents.write(intent)
    this.#open = intent
    return intent
  }

  /** Of the answer to an intent that was sent once. */
  #answered(intent: Intent, answer: Answer): Answer {
    this.#open = undefined
    if (answer.rowErrors.length === 0) this.#isIn(intent)
    return answer
  }

  #isIn({ positions, offset, rows }: Intent): void {
    for (const position of positions) this.#stored.add(position)
    this.#offset = offset + rows.length
    this.#open = undefined
  }

  /**
   * Repeats the append whose answer is not known. Google says that the offset is taken when it has been stored; a repeat
   * that is refused, also for single rows, says nothing about the first try.
   */
  async #settleOpen(signal: AbortSignal): Promise<void> {
    const intent = this.#open
    if (!intent) return
    try {
      const { rowErrors } = await this.#options.rows.stream.append(intent, signal)
      if (rowErrors.length > 0) await this.#askStream(intent, signal)
      else this.#isIn(intent)
    } catch (error) {
      if (hasCode(error, alreadyExists)) this.#isIn(intent)
      else if (hasCode(error, outOfRange)) this.#leaveStream()
      else if (isStreamOver(error) || isUnsuited(error) || this.#isGone(error, intent))
        await this.#askStream(intent, signal)
      else throw error
    }
  }

  /** A stream that takes no more still tells how many rows it has. */
  async #askStream(intent: Intent, signal: AbortSignal): Promise<void> {
    const { channel, rows, warn } = this.#options
    const routing = `name=${encodeURIComponent(intent.stream)}`
    try {
      const answer = await channel.unary('FinalizeWriteStream', encodeFinalize(intent.stream), routing, signal)
      if (decodeRowCount(answer) > intent.offset) this.#isIn(intent)
    } catch (error) {
      if (!isStreamOver(error) && !this.#isGone(error, intent)) throw error
      warn(
        `${rows.name}: the stream ${intent.stream} is gone, and with it the answer whether ${intent.rows.length} rows are stored. They are written again; after a deleted table that is right, else they may be there twice.`,
      )
    }
    this.#leaveStream()
  }

  #isGone(error: unknown, { stream }: Intent): boolean {
    return hasCode(error, notFound) && !this.#isOurs(stream)
  }

  #leaveStream(): void {
    this.#open = undefined
    this.#stream = undefined
    this.#offset = 0
  }

  async #createStream(signal: AbortSignal): Promise<string> {
    const { channel, rows } = this.#options
    const routing = `parent=${encodeURIComponent(rows.tablePath)}`
    const answer = await channel.unary('CreateWriteStream', encodeCreateStream(rows.tablePath), routing, signal)
    this.#offset = 0
    return decodeStreamName(answer)
  }
}

/** The first request of each id, whose fate the others share. */
function onePerId(requests: readonly BigQueryRequest[], to: Fates) {
  const all = Map.groupBy(requests, ({ id }) => id)
  const fates: Fates = {
    stored: ({ id }) => {
      for (const request of all.get(id)!) to.stored(request)
    },
    rejected: ({ id }, error) => {
      for (const request of all.get(id)!) to.rejected(request, error)
    },
  }
  return { firsts: [...all.values()].map(([first]) => first!), fates }
}

const hasCode = (error: unknown, code: number) => error instanceof GrpcError && error.code === code

/** INVALID_ARGUMENT and FAILED_PRECONDITION: these rows do not go into this stream, at least not any more. */
const isUnsuited = (error: unknown) => hasCode(error, 3) || hasCode(error, 9)

export const withoutOutbox = () =>
  new PipelineError('CONFIG_INVALID', { field: 'Write with', problem: 'exactlyOnce needs an outbox' })

/** An outbox names its records `<outbox>-<position>`. */
function placeOf({ id }: BigQueryRequest): { readonly outbox: string; readonly position: number } {
  const match = /^(.+)-(\d+)$/.exec(id ?? '')
  if (!match) throw withoutOutbox()
  return { outbox: match[1]!, position: Number(match[2]) }
}
