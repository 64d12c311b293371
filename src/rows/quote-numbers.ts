import { type Column, typesIn } from './row-schema.ts'

const nothing = '(?!)'
const space = '[ \\t\\r\\n]*'
/** Neither takes a number of more digits than anybody means. */
const anyNumber = '-?(?:0|[1-9][0-9]{0,99})(?:\\.[0-9]{1,99})?(?:[eE][+-]?[0-9]{1,9})?'
const longInteger = '-?[1-9][0-9]{15,99}'

/** What may stand behind the closing quote of a text and before the opening one of the next. */
const betweenTexts = /^\s*[,:}\]](?:.*[,:{[])?\s*$/s

/**
 * Puts numbers of valid JSON into quotes where JSON.parse would lose what their column needs: any number of a STRING,
 * long ones of a BIGINT. A text is read as the number would be, by every type but BYTES, whose schemas get no such
 * function: it is for speed alone. Finds a number by its column's name in front of it, and inside of strings nothing,
 * for there the quotes of a name have a backslash; but a name like `,` might be what is between two texts, and is left out.
 */
export function numberQuoter(columns: readonly Column[]): ((json: string) => string) | undefined {
  const types = typesIn({ kind: 'ROW', columns })
  if (types.some(({ kind }) => kind === 'BYTES' || kind === 'BINARY' || kind === 'VARBINARY')) return undefined
  const all = types.flatMap((type) => (type.kind === 'ROW' ? type.columns : []))
  const named = (kinds: readonly string[]) =>
    all.filter(({ type, name }) => kinds.includes(type.kind) && !betweenTexts.test(name)).map(({ name }) => name)
  const texts = pattern(named(['STRING', 'CHAR', 'VARCHAR']), anyNumber)
  const integers = pattern(named(['BIGINT']), longInteger)
  const numbers = new RegExp(`${texts}|${integers}`, 'g')
  return (json) => json.replace(numbers, '$1$3"$2$4"')
}

/** A name up to its colon, and the number behind it. */
function pattern(names: readonly string[], number: string): string {
  const keys = [...new Set(names)].map((name) => JSON.stringify(name).replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  return `(${names.length === 0 ? nothing : `(?:${keys.join('|')})${space}:${space}`})(${number})(?=${space}[,}])`
}
