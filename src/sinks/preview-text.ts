import { isUtf8 } from 'node:buffer'
import { toBase64 } from '../core/bytes.ts'

/** Text as it is, other bytes as base64 with how many they are. */
export function previewText(bytes: Uint8Array): string {
  return isUtf8(bytes) ? new TextDecoder().decode(bytes) : `${toBase64(bytes)} (base64, ${bytes.length} bytes)`
}
