export const units = {
  integer: { what: 'a whole number', base: '', scale: {} },
  duration: { what: 'a time', base: ' ms', scale: { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } },
  bytes: {
    what: 'a size',
    base: ' bytes',
    scale: { b: 1, kb: 1000, mb: 1_000_000, gb: 1_000_000_000, kib: 1024, mib: 1 << 20, gib: 1 << 30 },
  },
} as const

/** `1500`, `"1500"`, `"1.5 s"`, `"10 MiB"`: a whole number of the base unit, or undefined when it is none. */
export function parseAmount(raw: unknown, kind: keyof typeof units): number | undefined {
  if (typeof raw === 'number') return Number.isSafeInteger(raw) ? raw : undefined
  if (typeof raw !== 'string') return undefined
  const match = /^\s*(-?\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$/.exec(raw)
  if (!match) return undefined
  const unit = match[2]!.toLowerCase()
  const scale: { readonly [unit: string]: number } = units[kind].scale
  const factor = unit === '' ? 1 : scale[unit]
  if (factor === undefined) return undefined
  const value = Number(match[1]) * factor
  return Number.isSafeInteger(value) ? value : undefined
}
