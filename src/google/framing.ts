import type { IncomingHttpHeaders } from 'node:http2'
import { messageOf } from '../core/errors.ts'
import { type GrpcCode, GrpcError } from './errors.ts'

/** A flag for compression, and the length in four bytes. */
export const frameHead = 5

/** A message, or the parts of one, copied into a frame. */
export function framed(message: Uint8Array | readonly Uint8Array[]): Buffer {
  const parts = message instanceof Uint8Array ? [message] : message
  let length = 0
  for (const part of parts) length += part.length
  const frame = Buffer.allocUnsafe(frameHead + length)
  frame.writeUInt8(0, 0)
  frame.writeUInt32BE(length, 1)
  let at = frameHead
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}

export const brokenOff = (cause: unknown): GrpcError => new GrpcError('UNAVAILABLE', messageOf(cause), { cause })

/** What the last headers of a call say; undefined is OK. */
export function failureOf(headers: IncomingHttpHeaders | undefined): GrpcError | undefined {
  if (headers?.['grpc-status'] === '0') return undefined
  if (!headers) return new GrpcError('UNAVAILABLE', 'the connection was closed before an answer')
  const { 'grpc-status': code, 'grpc-message': text, 'grpc-status-details-bin': details } = headers
  if (code === undefined)
    return new GrpcError(codeOfHttp(Number(headers[':status'])), `HTTP status ${headers[':status']}`)
  const status = details === undefined ? {} : { details: Buffer.from(String(details), 'base64') }
  return new GrpcError(Number(code), decoded(String(text ?? '')), status)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** As gRPC says for answers that do not come from a gRPC server. */
function codeOfHttp(status: number): GrpcCode {
  const codes: { readonly [status: number]: GrpcCode } = {
    400: 'INTERNAL',
    401: 'UNAUTHENTICATED',
    403: 'PERMISSION_DENIED',
    404: 'UNIMPLEMENTED',
    429: 'UNAVAILABLE',
    502: 'UNAVAILABLE',
    503: 'UNAVAILABLE',
    504: 'UNAVAILABLE',
  }
  return codes[status] ?? 'UNKNOWN'
}
