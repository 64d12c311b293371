import type { Row, Value } from '../../core/record.ts'
import { setOwn } from '../json-text.ts'
import type { Limit } from './vocabulary.ts'

type Key = string | number

/**
 * What the rounded numbers of a document are exactly. A validator for JavaScript's numbers sees the nearest ones, and asks
 * here where a digit may count.
 */
export class ExactNumbers {
  readonly #numbers = new Map<object, Map<string, bigint>>()

  forget(): void {
    if (this.#numbers.size > 0) this.#numbers.clear()
  }

  /** The value with numbers in the place of BigInts; itself where it has none. */
  rounded(value: Value, parent: object, key: Key): unknown {
    if (typeof value === 'bigint') return this.#round(value, parent, key)
    if (!holdsBigInt(value)) return value
    const copy: { [key: string]: unknown } | unknown[] = Array.isArray(value) ? [] : {}
    for (const [inner, each] of Object.entries(value as { readonly [key: string]: Value }))
      setOwn(copy as { [key: string]: unknown }, inner, this.rounded(each, copy, inner))
    return copy
  }

  /** The number that stands there, with all its digits. */
  at(number: number, parent: object, key: Key): number | bigint {
    return this.#numbers.size === 0 ? number : (this.#numbers.get(parent)?.get(String(key)) ?? number)
  }

  #round(value: bigint, parent: object, key: Key): number {
    const fields = this.#numbers.get(parent) ?? new Map<string, bigint>()
    this.#numbers.set(parent, fields.set(String(key), value))
    return Number(value)
  }
}

function holdsBigInt(value: Value): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint'
  for (const key in value) if (holdsBigInt((value as Row)[key]!)) return true
  return false
}

/** JavaScript compares numbers and BigInts by what they mean, to the last digit. */
export const keeps: {
  readonly [keyword in Limit]: (value: number | bigint, limit: number | bigint) => boolean
} = {
  minimum: (value, limit) => value >= limit,
  maximum: (value, limit) => value <= limit,
  exclusiveMinimum: (value, limit) => value > limit,
  exclusiveMaximum: (value, limit) => value < limit,
  multipleOf: isMultiple,
}

/** Of the decimal numbers that are written: 19.99 is a multiple of 0.01, whatever binary fractions make of it. */
function isMultiple(value: number | bigint, step: number | bigint): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return (value as number) % (step as number) === 0
  const [one, other] = [decimal(value), decimal(step)]
  const exponent = Math.min(one.exponent, other.exponent)
  const scaled = ({ digits, exponent: own }: Decimal) => digits * 10n ** BigInt(own - exponent)
  return scaled(one) % scaled(other) === 0n
}

interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

function decimal(value: number | bigint): Decimal {
  const [, whole = '', fraction = '', exponent = '0'] = /^(-?[0-9]+)(?:\.([0-9]+))?(?:e([+-]?[0-9]+))?$/.exec(
    String(value),
  )!
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length }
}
