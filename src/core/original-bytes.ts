import { inspect } from 'node:util'
import { encodePayload, type Record } from './record.ts'

/**
 * The payload as it arrived if it is still known, else the bytes of what it has become. Never throws: of a value that
 * has no JSON (a function, an object that contains itself) a description is kept.
 */
export function originalBytes({ original, payload }: Record): Uint8Array {
  if (original) return original
  try {
    return encodePayload(payload)
  } catch {
    return Buffer.from(inspect(payload))
  }
}
