import type { Format } from 'ajv'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import type { Effort } from '../pattern/effort.ts'
import { LinearPattern } from '../pattern/linear-pattern.ts'

/** Of numbers, which are looked at with all their digits: how many bits each has. */
export const integerFormats: { readonly [format: string]: number } = { int32: 32, int64: 64 }

/** Checked nowhere: they say how a value is to be shown, or nothing that JSON could break. */
const unchecked = ['password', 'binary', 'float', 'double']

/**
 * The formats of ajv-formats. Its regular expressions are run in linear time, as those of a schema: `url` alone takes
 * minutes for 100,000 colons. What it does with functions is linear too, and none of it makes a Date.
 */
export function formatsFor(effort: Effort): { readonly [name: string]: Format } {
  const entries = Object.entries(fullFormats)
    .filter(([name]) => !(name in integerFormats))
    .map(([name, format]): [string, Format] => [name, linear(format as Format, effort)])
  return { ...Object.fromEntries(entries), ...Object.fromEntries(unchecked.map((name) => [name, true])) }
}

function linear(format: Format, effort: Effort): Format {
  if (format instanceof RegExp) {
    const pattern = patternOf(format)
    return (text: string) => pattern.test(text, effort)
  }
  // without `compare`, which only the keywords formatMinimum and formatMaximum use
  return typeof format === 'object' ? ({ ...format, compare: undefined } as unknown as Format) : format
}

const patterns = new Map<RegExp, LinearPattern>()

function patternOf(format: RegExp): LinearPattern {
  const pattern = patterns.get(format) ?? new LinearPattern(format.source, format.ignoreCase)
  patterns.set(format, pattern)
  return pattern
}
