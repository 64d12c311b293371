/** What is filled into the holes of a sentence: a text as it is, or a sentence of its own. */
export type ProblemValues = { readonly [hole: string]: string | Problem }

type Holes<Template> = Template extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never
type Filled<Template> = [Holes<Template>] extends [never]
  ? []
  : [values: { readonly [hole in Holes<Template>]: string | number | Problem }]

/**
 * Sentences about wrong values, by key and in English, with `{holes}`. Logs, status and errors say them as they stand
 * here; the editor has them in the user's language where a node's declaration names the area.
 */
export interface ProblemArea<Texts = { readonly [key: string]: string }> {
  readonly name: string
  readonly texts: Texts
  of<Key extends keyof Texts & string>(key: Key, ...values: Filled<Texts[Key]>): Problem
}

/** What a declaration and the catalogues need of an area. */
export type ProblemTexts = Pick<ProblemArea, 'name' | 'texts'>

/** Why a value cannot be used: a sentence without its subject ("must be a whole number from 1 to 10"). */
export class Problem {
  readonly area: string
  readonly key: string
  readonly values: ProblemValues
  readonly text: string

  /** Private, so that there is no sentence that no catalogue knows. */
  private constructor(area: string, key: string, template: string, values: ProblemValues) {
    this.area = area
    this.key = key
    this.values = values
    this.text = fillText(template, textsOf(values))
  }

  static area<const Texts extends ProblemTexts['texts']>(name: string, texts: Texts): ProblemArea<Texts> {
    return {
      name,
      texts,
      of: (key, ...[values = {}]) => new Problem(name, key, texts[key]!, withoutNumbers(values)),
    }
  }
}

/** A problem on its way out of a parser. */
export class ProblemError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.text)
    this.problem = problem
  }
}

const withoutNumbers = (values: { readonly [hole: string]: string | number | Problem }): ProblemValues =>
  mapped(values, (value) => (value instanceof Problem ? value : String(value)))

const textsOf = (values: ProblemValues): { readonly [hole: string]: string } =>
  mapped(values, (value) => (typeof value === 'string' ? value : value.text))

const mapped = <From, To>(values: { readonly [hole: string]: From }, change: (value: From) => To) =>
  Object.fromEntries(Object.entries(values).map(([hole, value]): [string, To] => [hole, change(value)]))

/** Replaces `{name}` by the value of that name. */
export const fillText = (template: string, values: { readonly [name: string]: string }): string =>
  template.replace(/\{(\w+)\}/g, (hole, name: string) => values[name] ?? hole)

/** The sentence in the language of a catalogue; `texts` gives what stands there under a key. */
export const translated = ({ area, key, values }: Problem, texts: (key: string) => string): string =>
  fillText(
    texts(`problem.${area}.${key}`),
    mapped(values, (value) => (typeof value === 'string' ? value : translated(value, texts))),
  )
