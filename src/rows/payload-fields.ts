import { bytes, choice } from '../config/fields.ts'
import { compressions } from './unpack.ts'

/** What the bytes of a payload are. */
export const payloadFields = {
  binaryEncoding: choice({
    label: 'Raw bytes become',
    note: 'none: the bytes as they are. wrap: a row {"data": base64, "size": number of bytes, "encoding": "base64"}, for targets that take JSON alone.',
    values: ['none', 'wrap'],
    default: 'none',
    when: { field: 'format', values: ['raw'] },
  }),
  compression: choice({
    label: 'Compression',
    note: 'How payloads are packed, each as a whole. Output 2 gets them as they arrived. zstd needs Node.js 22.15 or newer.',
    values: compressions,
    default: 'none',
    advanced: true,
  }),
  maxUnpackedBytes: bytes({
    label: 'Largest unpacked payload',
    note: 'A payload that would become larger goes to output 2. Unpacking stops at this size.',
    default: 10 << 20,
    min: 1024,
    max: 256 << 20,
    advanced: true,
    when: { field: 'compression', values: compressions.filter((name) => name !== 'none') },
  }),
}
