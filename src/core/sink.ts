import type { PipelineError } from './errors.ts'
import type { Record } from './record.ts'

export interface Rejection {
  /** Position in the batch that was written. */
  readonly index: number
  readonly error: PipelineError
}

export interface WriteResult {
  readonly rejected: readonly Rejection[]
  /**
   * Not stored, while the rest is: the caller writes them again later, the oldest first, and until then nothing else of
   * their lanes.
   */
  readonly held?: readonly Rejection[]
}

/** What of a target that is there may cost records it has confirmed. */
export interface Weakness {
  readonly kind: 'oneReplica' | 'oneInSync'
  /** Those that have it, at least one. */
  readonly topics: readonly string[]
}

/** A record made ready for its target. It shares nothing mutable with the flow that the record came from. */
export interface Prepared<Request> {
  readonly request: Request
  readonly bytes: number
  /** Records of one lane stay in order when the target takes one part of a batch and not the other. */
  readonly lane?: string | undefined
}

/** What a sink may count on its own: the words stand in its status, and each has a metric. */
export type Counted = 'topic collisions' | 'timestamps replaced'

/**
 * A target. `open` connects and checks, and is called again after it has thrown. `prepare` is called once per record
 * as soon as the record reaches the sink, so that nothing the flow does to the message later can change what is
 * written. `write` is never called while another write is under way. `close` may be called twice.
 */
export interface Sink<Request = unknown> {
  /** Why the write under way has not succeeded yet, while the sink's client repeats it by itself. */
  readonly trouble?: PipelineError | undefined
  /** What else an operator may want to know: totals. */
  readonly counters?: { readonly [counted in Counted]?: number }
  /** Of what it has written to so far, one of each kind. */
  readonly weaknesses?: readonly Weakness[]
  open(signal: AbortSignal): Promise<void>
  /** Pure and synchronous. Throws a PipelineError with disposition `reject` when the record itself cannot be written. */
  prepare(record: Record): Prepared<Request>
  /**
   * Resolves only when the target has confirmed every record not listed as rejected or held.
   * Throws when nothing in the batch is known to be stored but what `isStored` says; the caller will write the same
   * batch again, and what is stored is then not sent.
   */
  write(batch: readonly Request[], signal: AbortSignal): Promise<WriteResult>
  /** Whether a write that has failed has stored the record all the same. Absent: none does. */
  isStored?(request: Request): boolean
  close(): Promise<void>
}
