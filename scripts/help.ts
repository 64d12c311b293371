import { formatAmount } from '../src/config/amounts.ts'
import type { NodeDeclaration } from '../src/config/declaration.ts'
import type { Field } from '../src/config/fields.ts'
import { choiceKey, type Texts } from './catalogue.ts'

/** Words of the generated part of the help. */
const words = {
  'en-US': { options: 'Options', required: 'required', empty: 'empty', on: 'on', off: 'off' },
  de: { options: 'Optionen', required: 'Pflicht', empty: 'leer', on: 'an', off: 'aus' },
}

export type Language = keyof typeof words
export const languages = Object.keys(words) as Language[]

type Lookup = (key: string) => string

/** The help panel's file: the summary (which is also the palette's tooltip), the prose, every option. */
export function helpHtml(declaration: NodeDeclaration, language: Language, catalogue: Texts, prose: string): string {
  const wrong = prose.split('\n').filter((line) => line.startsWith(':') && !property.test(line))
  if (wrong.length > 0) throw new Error(`Node-RED cannot show these lines of ${declaration.type}:\n${wrong.join('\n')}`)
  const text = lookup(catalogue, declaration.type)
  const options = Object.entries(declaration.fields).flatMap(([name, field]) =>
    optionLines(field, `field.${name}`, '', text, language),
  )
  const list = ['<dl class="message-properties">', ...options, '</dl>'].join('\n')
  const markdown = [text('summary'), prose.trim(), `### ${words[language].options}`, list].join('\n\n')
  return `<script type="text/markdown" data-help-name="${declaration.type}">\n${markdown}\n</script>\n`
}

/** A line of Node-RED's property lists: one line, and no colon but these two. */
const property = /^: [^:]+\([^:]+\) : [^:]+$/

function lookup(catalogue: Texts, type: string): Lookup {
  return (key) => {
    const found = key
      .split('.')
      .reduce<string | Texts | undefined>(
        (texts, part) => (typeof texts === 'object' ? texts[part] : undefined),
        catalogue[type],
      )
    if (typeof found !== 'string') throw new Error(`the catalogue lacks ${type}.${key}`)
    return found
  }
}

/** One entry each, as HTML because notes may have colons; columns of a table follow their table. */
function optionLines(field: Field<unknown>, key: string, table: string, text: Lookup, language: Language): string[] {
  const label = table + text(`${key}.label`)
  const value = defaultText(field, words[language], (chosen) => text(`${key}.choice.${choiceKey(chosen)}`))
  const term = `<dt>${escapeHtml(label)} <span class="property-type">${escapeHtml(value)}</span></dt>`
  const columns = Object.entries(field.columns ?? {})
  return [
    `${term}<dd>${escapeHtml(text(`${key}.note`))}</dd>`,
    ...columns.flatMap(([name, column]) => optionLines(column, `${key}.column.${name}`, `${label} › `, text, language)),
  ]
}

/** What an option is when nobody sets it. */
export function defaultText(
  field: Field<unknown>,
  word: (typeof words)[Language] = words['en-US'],
  choiceText: (value: string) => string = (value) => value,
): string {
  if (field.required) return word.required
  if (field.kind === 'integer' || field.kind === 'duration' || field.kind === 'bytes') {
    return typeof field.default === 'number' ? formatAmount(field.default, field.kind) : word.empty
  }
  if (field.kind === 'flag') return field.default ? word.on : word.off
  if (field.kind === 'choice') return choiceText(String(field.default))
  return typeof field.default === 'string' && field.default !== '' ? field.default : word.empty
}

const escapeHtml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
