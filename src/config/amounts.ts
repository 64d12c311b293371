export const units = {
  integer: { scale: {}, names: {} },
  duration: {
    scale: { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 },
    names: { ms: 'ms', s: 's', min: 'min', h: 'h', d: 'd' },
  },
  bytes: {
    scale: { b: 1, kb: 1000, mb: 1_000_000, gb: 1_000_000_000, kib: 1024, mib: 1 << 20, gib: 1 << 30 },
    names: { b: 'B', kib: 'KiB', mib: 'MiB', gib: 'GiB' },
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
  const value = Number((Number(match[1]) * factor).toPrecision(15))
  return Number.isSafeInteger(value) ? value : undefined
}

/** The shortest text that `parseAmount` reads back as this value: `30 s`, `64 MiB`, `272`. */
export function formatAmount(value: number, kind: keyof typeof units): string {
  const names: { readonly [unit: string]: string } = units[kind].names
  const scale: { readonly [unit: string]: number } = units[kind].scale
  const fits = Object.keys(names).filter((unit) => value !== 0 && value % scale[unit]! === 0)
  const largest = fits.sort((a, b) => scale[b]! - scale[a]!)[0]
  return largest === undefined ? String(value) : `${value / scale[largest]!} ${names[largest]}`
}
