import type { CodePoints } from './code-points.ts'
import { PatternProblem, patternProblems } from './code-points.ts'
import type { Part } from './parse-pattern.ts'

type Place = (Part & { readonly kind: 'at' })['place']

/** A state of the machine; numbers are states. */
export type State =
  | { readonly kind: 'take'; readonly points: CodePoints; readonly next: number }
  | { kind: 'fork'; one: number; other: number }
  | { readonly kind: 'at'; readonly place: Place; readonly next: number }
  | { readonly kind: 'look'; readonly look: number; readonly negated: boolean; readonly next: number }
  | { readonly kind: 'end' }

export interface Program {
  readonly states: readonly State[]
  readonly start: number
  /** It can only begin at the start of the text. */
  readonly anchored: boolean
}

/** A look ahead or behind. The look numbers in its program are smaller than its own. */
export interface Look extends Program {
  /** It looks behind: its program reads forwards, that of a look ahead backwards. */
  readonly behind: boolean
}

const mostStates = 10_000

/** Makes states of a pattern and of the looks in it. Throws PatternProblem where there would be too many. */
export class Programs {
  readonly looks: Look[] = []
  #count = 0

  /** Of states, so far. */
  get size(): number {
    return this.#count
  }

  main(part: Part): Program {
    return this.#program(part, false)
  }

  #program(part: Part, backwards: boolean): Program {
    const states: State[] = [{ kind: 'end' }]
    const start = this.#build(part, 0, states, backwards)
    return { states, start, anchored: !backwards && isAnchored(part) }
  }

  /** Gives the state that goes through the part and then on to `next`. */
  #build(part: Part, next: number, states: State[], backwards: boolean): number {
    switch (part.kind) {
      case 'one':
        return this.#add({ kind: 'take', points: part.points, next }, states)
      case 'at':
        return this.#add({ kind: 'at', place: part.place, next }, states)
      case 'look':
        return this.#add({ kind: 'look', look: this.#look(part), negated: part.negated, next }, states)
      case 'sequence': {
        const parts = backwards ? part.parts : part.parts.toReversed()
        return parts.reduce((then, each) => this.#build(each, then, states, backwards), next)
      }
      case 'either':
        return part.options
          .map((option) => this.#build(option, next, states, backwards))
          .reduceRight((other, one) => this.#add({ kind: 'fork', one, other }, states))
      case 'repeat':
        return this.#repeat(part, next, states, backwards)
    }
  }

  #repeat(part: Part & { kind: 'repeat' }, next: number, states: State[], backwards: boolean): number {
    const { part: inner, least, most } = part
    if (least + (most ?? 0) > mostStates) throw tooLarge()
    let entry = next
    if (most === undefined) {
      const fork: State = { kind: 'fork', one: 0, other: next }
      entry = this.#add(fork, states)
      fork.one = this.#build(inner, entry, states, backwards)
    }
    for (let i = least; i < (most ?? least); i++) {
      const one = this.#build(inner, entry, states, backwards)
      entry = this.#add({ kind: 'fork', one, other: next }, states)
    }
    for (let i = 0; i < least; i++) entry = this.#build(inner, entry, states, backwards)
    return entry
  }

  #look({ part, behind }: Part & { kind: 'look' }): number {
    const program = this.#program(part, !behind)
    return this.looks.push({ ...program, behind, anchored: false }) - 1
  }

  #add(state: State, states: State[]): number {
    if (++this.#count > mostStates) throw tooLarge()
    return states.push(state) - 1
  }
}

const tooLarge = () => new PatternProblem(patternProblems.of('large', { most: mostStates }))

function isAnchored(part: Part): boolean {
  if (part.kind === 'either') return part.options.every(isAnchored)
  if (part.kind === 'sequence')
    return part.parts.some((each, i) => (i === 0 || takesNothing(part.parts[i - 1]!)) && isAnchored(each))
  return part.kind === 'at' && part.place === 'start'
}

const takesNothing = ({ kind }: Part) => kind === 'at' || kind === 'look'
