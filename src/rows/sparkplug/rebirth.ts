import { fromText } from '../../core/bytes.ts'

const tag = (field: number, wireType: number) => (field << 3) | wireType
const boolean = 11

/** An NCMD that asks an edge node for all its BIRTHs. `at` is wall-clock milliseconds. */
export function rebirthCommand(at: number): Uint8Array {
  const name = fromText('Node Control/Rebirth')
  const time = [tag(3, 0), ...varint(at)]
  const metric = [tag(1, 2), name.length, ...name, ...time, tag(4, 0), boolean, tag(14, 0), 1]
  return Uint8Array.from([tag(1, 0), ...varint(at), tag(2, 2), metric.length, ...metric])
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return [...bytes, rest]
}
