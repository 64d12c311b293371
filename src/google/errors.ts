import { type ErrorCode, messageOf, PipelineError } from '../core/errors.ts'

/** The codes of gRPC by name; their numbers are the places. */
export const grpcCodes = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

export type GrpcCode = (typeof grpcCodes)[number]

/** A call that the server has ended with anything but OK, or that broke off, which is UNAVAILABLE. */
export class GrpcError extends Error {
  /** The number of a `GrpcCode`. */
  readonly code: number
  /** A google.rpc.Status in protobuf, where the server sends one. */
  readonly details: Buffer | undefined
  constructor(
    code: GrpcCode | number,
    message: string,
    more: { readonly details?: Buffer; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'GrpcError'
    this.code = typeof code === 'number' ? code : grpcCodes.indexOf(code)
    this.details = more.details
  }
}

/**
 * What a failed call means for the pipeline. Only INVALID_ARGUMENT is the fault of the records. What an operator has to
 * put right is held, however long it takes.
 */
export const grpcMeanings: { readonly [code in Exclude<GrpcCode, 'OK'>]: ErrorCode } = {
  CANCELLED: 'TARGET_FAILED',
  UNKNOWN: 'TARGET_FAILED',
  INVALID_ARGUMENT: 'RECORD_INVALID',
  DEADLINE_EXCEEDED: 'TARGET_TIMEOUT',
  NOT_FOUND: 'TARGET_MISSING',
  ALREADY_EXISTS: 'TARGET_FAILED',
  PERMISSION_DENIED: 'TARGET_AUTHORIZATION',
  RESOURCE_EXHAUSTED: 'TARGET_THROTTLED',
  FAILED_PRECONDITION: 'TARGET_UNSUPPORTED',
  ABORTED: 'TARGET_FAILED',
  OUT_OF_RANGE: 'TARGET_FAILED',
  UNIMPLEMENTED: 'TARGET_UNSUPPORTED',
  INTERNAL: 'TARGET_FAILED',
  UNAVAILABLE: 'TARGET_UNREACHABLE',
  DATA_LOSS: 'TARGET_FAILED',
  UNAUTHENTICATED: 'CREDENTIALS_REFUSED',
}

/** `target` begins the message: "The Pub/Sub topic projects/p/topics/t". */
export function classifyStatus(code: number, details: string, target: string): PipelineError {
  const name = grpcCodes[code]
  const meaning = name === undefined || name === 'OK' ? 'TARGET_FAILED' : grpcMeanings[name]
  const problem = `${name ?? `gRPC code ${code}`}${details === '' ? '' : `: ${details}`}`
  return new PipelineError(meaning, { target, problem })
}

const tlsCodes = /^(EPROTO$|CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/

/** What a call rejects with, as a PipelineError. `target` as above. */
export function classifyCall(error: unknown, target: string): PipelineError {
  if (error instanceof PipelineError) return error
  const reason = reasonOf(error)
  if (tlsCodes.test(String((reason as { readonly code?: unknown }).code)))
    return new PipelineError('TARGET_TLS', { target, problem: messageOf(reason) }, error)
  if (error instanceof GrpcError) return classifyStatus(error.code, error.message, target)
  return new PipelineError('TARGET_FAILED', { target, problem: messageOf(error) }, error)
}

/** The innermost cause. */
function reasonOf(error: unknown): object {
  const { cause } = Object(error) as { readonly cause?: unknown }
  return cause === undefined ? Object(error) : reasonOf(cause)
}
