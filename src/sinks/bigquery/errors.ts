import { type ErrorCode, messageOf, PipelineError } from '../../core/errors.ts'
import { classifyCall as classifyGrpc, GrpcError } from '../../google/errors.ts'
import { storageCodeOf } from './append.ts'

/** google.cloud.bigquery.storage.v1.StorageError.StorageErrorCode: what it means where it says more than the gRPC code. */
export const storageMeanings: { readonly [code: number]: ErrorCode } = {
  1: 'TARGET_MISSING',
  2: 'TARGET_FAILED',
  3: 'TARGET_FAILED',
  4: 'TARGET_FAILED',
  5: 'TARGET_FAILED',
  6: 'TARGET_FAILED',
  7: 'TABLE_MISMATCH',
  15: 'TARGET_UNSUPPORTED',
  16: 'TARGET_UNSUPPORTED',
  17: 'TARGET_UNSUPPORTED',
  18: 'TARGET_FAILED',
  19: 'TARGET_AUTHORIZATION',
}

/** A stream that takes no more rows, although the table may. */
export function isStreamOver(error: unknown): boolean {
  if (!(error instanceof GrpcError)) return false
  const storageCode = storageCodeIn(error)
  return streamIsOver.includes(storageCode) || (error.code === notFound && storageCode === 0)
}

/** Google's own code for a failure of the Storage Write API; 0 where it gives none. */
export const storageCodeIn = ({ details }: GrpcError): number => (details ? storageCodeOf(details) : 0)

/** STREAM_ALREADY_COMMITTED, STREAM_NOT_FOUND, INVALID_STREAM_TYPE, INVALID_STREAM_STATE, STREAM_FINALIZED. */
const streamIsOver: readonly number[] = [2, 3, 4, 5, 6]

const invalidArgument = 3
export const notFound = 5
export const alreadyExists = 6
export const outOfRange = 11

/** `table` begins the message: "The BigQuery table p.d.t". */
export function classifyCall(error: unknown, table: string): PipelineError {
  if (error instanceof PipelineError) return error
  if (!(error instanceof GrpcError)) return classifyGrpc(error, table)
  const { code, message } = error
  const meaning = storageMeanings[storageCodeIn(error)]
  if (meaning) return explained(meaning, message, table, error)
  if (code === notFound || (code === invalidArgument && isElsewhere(message)))
    return explained('TARGET_MISSING', message, table, error)
  return classifyGrpc(error, table)
}

/** What BigQuery's REST interface means by the "reason" of an error, or of a row that insertAll has not stored. */
export const restMeanings: { readonly [reason: string]: ErrorCode } = {
  accessDenied: 'TARGET_AUTHORIZATION',
  authError: 'CREDENTIALS_REFUSED',
  backendError: 'TARGET_FAILED',
  billingNotEnabled: 'TARGET_AUTHORIZATION',
  blocked: 'TARGET_AUTHORIZATION',
  forbidden: 'TARGET_AUTHORIZATION',
  internalError: 'TARGET_FAILED',
  invalid: 'RECORD_INVALID',
  notFound: 'TARGET_MISSING',
  notImplemented: 'TARGET_UNSUPPORTED',
  quotaExceeded: 'TARGET_THROTTLED',
  rateLimitExceeded: 'TARGET_THROTTLED',
  required: 'RECORD_INVALID',
  resourceInUse: 'TARGET_FAILED',
  resourcesExceeded: 'TARGET_THROTTLED',
  responseTooLarge: 'TARGET_UNSUPPORTED',
  rowTooLarge: 'RECORD_REFUSED_SIZE',
  stopped: 'TARGET_FAILED',
  tableUnavailable: 'TARGET_FAILED',
  timeout: 'TARGET_TIMEOUT',
}

const statusMeanings: { readonly [status: number]: ErrorCode } = {
  400: 'TARGET_UNSUPPORTED',
  401: 'CREDENTIALS_REFUSED',
  403: 'TARGET_AUTHORIZATION',
  404: 'TARGET_MISSING',
  408: 'TARGET_TIMEOUT',
  412: 'TARGET_FAILED',
  413: 'RECORD_REFUSED_SIZE',
  429: 'TARGET_THROTTLED',
}

/** An error of the REST interface. */
export class RestError extends Error {
  readonly status: number
  /** BigQuery's word for it; empty where it gives none. */
  readonly reason: string
  constructor(status: number, reason: string, message: string) {
    super(message)
    this.name = 'RestError'
    this.status = status
    this.reason = reason
  }
}

/**
 * A request that is refused as a whole says nothing about single rows, so "invalid" is for an operator here.
 * `table` begins the message.
 */
export function classifyRest(error: unknown, table: string): PipelineError {
  if (error instanceof PipelineError) return error
  if (!(error instanceof RestError)) return failed(error, table)
  const { status, reason, message } = error
  const known = reason === 'invalid' || reason === 'required' ? undefined : restMeanings[reason]
  return explained(known ?? statusMeanings[status] ?? 'TARGET_FAILED', message, table, error)
}

/** Why insertAll has not stored a row. One with a column that the table has not is held, as the table may get it. */
export function classifyRow(reason: string, message: string, table: string): PipelineError {
  if (/\bno such field\b/i.test(message)) return explained('TABLE_MISMATCH', message, table)
  return explained(restMeanings[reason] ?? 'TARGET_FAILED', `${reason}: ${message}`, table)
}

const isElsewhere = (message: string) => /\b(location|region)\b/i.test(message)

function explained(code: ErrorCode, problem: string, table: string, cause?: unknown): PipelineError {
  if (code === 'TARGET_MISSING' && isElsewhere(problem)) {
    const where = `${problem}. Choose a dataset in the location that is asked`
    return new PipelineError('TARGET_UNSUPPORTED', { target: table, problem: where }, cause)
  }
  return new PipelineError(code, { target: table, problem }, cause)
}

const timedOut = /^(TimeoutError|AbortError)$/

/** What `fetch` and our own code throw. */
function failed(error: unknown, target: string): PipelineError {
  const { name, cause } = Object(error) as { readonly name?: string; readonly cause?: unknown }
  const code = timedOut.test(name ?? '') ? 'TARGET_TIMEOUT' : 'TARGET_UNREACHABLE'
  const problem = cause === undefined ? messageOf(error) : messageOf(cause)
  return new PipelineError(code, { target, problem }, error)
}

/** A row that the Storage Write API has found wrong. */
export const rejectedRow = (message: string, table: string): PipelineError =>
  new PipelineError('RECORD_INVALID', { target: table, problem: message })
