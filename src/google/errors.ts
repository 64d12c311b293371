import { type ErrorCode, PipelineError } from '../core/errors.ts'

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
