import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disposition } from '../../src/core/errors.ts'
import { type GrpcCode, GrpcError, grpcCodes } from '../../src/google/errors.ts'
import { decodeAppended } from '../../src/sinks/bigquery/append.ts'
import {
  classifyCall,
  classifyRest,
  classifyRow,
  RestError,
  rejectedRow,
  restMeanings,
  storageMeanings,
} from '../../src/sinks/bigquery/errors.ts'
import { rowErrorsAnswer, status } from '../services/bigquery-front.ts'

const table = 'The BigQuery table p.d.t'

const calls: { readonly [code in Exclude<GrpcCode, 'OK'>]: Disposition } = {
  CANCELLED: 'retry',
  UNKNOWN: 'retry',
  INVALID_ARGUMENT: 'reject',
  DEADLINE_EXCEEDED: 'retry',
  NOT_FOUND: 'config',
  ALREADY_EXISTS: 'retry',
  PERMISSION_DENIED: 'config',
  RESOURCE_EXHAUSTED: 'retry',
  FAILED_PRECONDITION: 'config',
  ABORTED: 'retry',
  OUT_OF_RANGE: 'retry',
  UNIMPLEMENTED: 'config',
  INTERNAL: 'retry',
  UNAVAILABLE: 'retry',
  DATA_LOSS: 'retry',
  UNAUTHENTICATED: 'config',
}

for (const [code, disposition] of Object.entries(calls)) {
  test(`gRPC ${code} means ${disposition}, and the message names the table and what Google says`, () => {
    const error = classifyCall(new GrpcError(code as GrpcCode, 'said by Google'), table)
    assert.equal(error.disposition, disposition)
    assert.match(error.message, /p\.d\.t/)
    if (code !== 'NOT_FOUND') assert.match(error.message, /said by Google/)
  })
}

test('every gRPC code has a row in this table', () => {
  assert.deepEqual(Object.keys(calls), grpcCodes.slice(1))
})

/** google.cloud.bigquery.storage.v1.StorageError.StorageErrorCode, each with the gRPC code that it comes with. */
const storage: readonly (readonly [name: string, number: number, GrpcCode, Disposition])[] = [
  ['TABLE_NOT_FOUND', 1, 'NOT_FOUND', 'config'],
  ['STREAM_ALREADY_COMMITTED', 2, 'INVALID_ARGUMENT', 'retry'],
  ['STREAM_NOT_FOUND', 3, 'NOT_FOUND', 'retry'],
  ['INVALID_STREAM_TYPE', 4, 'INVALID_ARGUMENT', 'retry'],
  ['INVALID_STREAM_STATE', 5, 'FAILED_PRECONDITION', 'retry'],
  ['STREAM_FINALIZED', 6, 'INVALID_ARGUMENT', 'retry'],
  ['SCHEMA_MISMATCH_EXTRA_FIELDS', 7, 'INVALID_ARGUMENT', 'config'],
  ['CMEK_NOT_PROVIDED', 15, 'INVALID_ARGUMENT', 'config'],
  ['INVALID_CMEK_PROVIDED', 16, 'INVALID_ARGUMENT', 'config'],
  ['CMEK_ENCRYPTION_ERROR', 17, 'INTERNAL', 'config'],
  ['KMS_SERVICE_ERROR', 18, 'INTERNAL', 'retry'],
  ['KMS_PERMISSION_DENIED', 19, 'PERMISSION_DENIED', 'config'],
]

for (const [name, number, code, disposition] of storage) {
  test(`the Storage Write API's ${name} means ${disposition}, whatever its gRPC code`, () => {
    const details = status(grpcCodes.indexOf(code), 'said', number)
    assert.equal(classifyCall(new GrpcError(code, 'said', { details }), table).disposition, disposition)
  })
}

test('every code of the Storage Write API that says more than its gRPC code has a row in this table', () => {
  assert.deepEqual(
    storage.map(([, number]) => String(number)),
    Object.keys(storageMeanings),
  )
})

/** What a row that insertAll has not stored gives as its reason. */
const rows: { readonly [reason: string]: Disposition } = {
  accessDenied: 'config',
  authError: 'config',
  backendError: 'retry',
  billingNotEnabled: 'config',
  blocked: 'config',
  forbidden: 'config',
  internalError: 'retry',
  invalid: 'reject',
  notFound: 'config',
  notImplemented: 'config',
  quotaExceeded: 'retry',
  rateLimitExceeded: 'retry',
  required: 'reject',
  resourceInUse: 'retry',
  resourcesExceeded: 'retry',
  responseTooLarge: 'config',
  rowTooLarge: 'reject',
  stopped: 'retry',
  tableUnavailable: 'retry',
  timeout: 'retry',
}

for (const [reason, disposition] of Object.entries(rows)) {
  test(`insertAll's reason ${reason} means ${disposition} for its row`, () => {
    assert.equal(classifyRow(reason, 'what is wrong', table).disposition, disposition)
  })
}

test('every reason of the REST interface has a row in this table', () => {
  assert.deepEqual(Object.keys(rows), Object.keys(restMeanings))
})

for (const [code, name] of ['ROW_ERROR_CODE_UNSPECIFIED', 'FIELDS_ERROR', 'one of later years'].entries())
  test(`a row error with the code ${name} refuses its row, with the words of BigQuery`, () => {
    const { rowErrors } = decodeAppended(rowErrorsAnswer([{ index: 499, message: 'The value is too long', code }]))
    assert.deepEqual(rowErrors, [{ index: 499, message: 'The value is too long' }])
    const { disposition, message } = rejectedRow(rowErrors[0]!.message, table)
    assert.equal(disposition, 'reject')
    assert.match(message, /p\.d\.t.*The value is too long/)
  })

test('a reason that nobody knows is tried again', () => {
  assert.equal(classifyRow('brandNew', '', table).disposition, 'retry')
})

test('a row with a column that the table has not is held, not refused', () => {
  const error = classifyRow('invalid', 'pi_tag: no such field: pi_tag.', table)
  assert.deepEqual([error.code, error.disposition], ['TABLE_MISMATCH', 'config'])
})

test('a request that is refused as a whole is for the operator, and no fault of its rows', () => {
  const cases = [
    [400, 'invalid', 'TARGET_UNSUPPORTED'],
    [401, 'authError', 'CREDENTIALS_REFUSED'],
    [403, 'accessDenied', 'TARGET_AUTHORIZATION'],
    [403, 'rateLimitExceeded', 'TARGET_THROTTLED'],
    [404, 'notFound', 'TARGET_MISSING'],
    [412, '', 'TARGET_FAILED'],
    [500, '', 'TARGET_FAILED'],
    [503, 'backendError', 'TARGET_FAILED'],
  ] as const
  for (const [httpStatus, reason, code] of cases)
    assert.equal(classifyRest(new RestError(httpStatus, reason, 'said'), table).code, code, `${httpStatus} ${reason}`)
})

test('a dataset in another region is said as such, and not as missing', () => {
  const said = 'Not found: Dataset p:d was not found in location EU'
  for (const error of [
    classifyCall(new GrpcError('NOT_FOUND', said), table),
    classifyRest(new RestError(404, 'notFound', said), table),
  ]) {
    assert.equal(error.disposition, 'config')
    assert.match(error.message, /location EU/)
    assert.doesNotMatch(error.message, /does not exist/)
  }
})
