import type { Effort } from './effort.ts'
import { parsePattern } from './parse-pattern.ts'
import { type Look, type Program, Programs } from './program.ts'

/**
 * A regular expression of ECMAScript that takes time in proportion to the text: all states are followed at once, and
 * nothing is tried twice. Everything but back references and groups with flags is supported. The constructor throws
 * PatternProblem.
 */
export class LinearPattern {
  readonly #main: Machine
  readonly #looks: readonly LookMachine[]
  /** Of states: what it takes in memory, and at most in steps for each character. */
  readonly size: number

  constructor(source: string, ignoreCase = false) {
    const programs = new Programs()
    this.#main = new Machine(programs.main(parsePattern(source, ignoreCase)))
    this.size = programs.size
    this.#looks = programs.looks.map((look) => ({ behind: look.behind, machine: new Machine(look) }))
  }

  /** Whether it matches somewhere in the text. Throws EffortExceeded. */
  test(text: string, effort: Effort): boolean {
    const found: Uint8Array[] = []
    for (const { behind, machine } of this.#looks) {
      const places = new Uint8Array(text.length + 1)
      machine.run(text, { backwards: !behind, found, effort, places })
      found.push(places)
    }
    return this.#main.run(text, { backwards: false, found, effort })
  }
}

interface LookMachine extends Pick<Look, 'behind'> {
  readonly machine: Machine
}

interface Task {
  readonly backwards: boolean
  /** For each look, by its number: 1 where it matches. */
  readonly found: readonly Uint8Array[]
  readonly effort: Effort
  /** Is filled with 1 wherever a match ends; without it the first match ends the run. */
  readonly places?: Uint8Array
}

/** Follows a program through a text. Not reentrant: its buffers are kept. */
class Machine {
  readonly #program: Program
  /** The states that wait for a code point at this position, and at the next one. */
  #waiting: Int32Array
  #next: Int32Array
  #size = 0
  readonly #stack: Int32Array
  /** When a state was last entered, by a count of positions. */
  readonly #entered: Float64Array
  #position = 0
  #ended = false
  #steps = 0

  constructor(program: Program) {
    this.#program = program
    const size = program.states.length
    this.#waiting = new Int32Array(size)
    this.#next = new Int32Array(size)
    this.#stack = new Int32Array(size * 2 + 1)
    this.#entered = new Float64Array(size)
  }

  run(text: string, task: Task): boolean {
    const { backwards, places, effort } = task
    const { start, anchored } = this.#program
    let at = backwards ? text.length : 0
    const end = text.length - at
    this.#begin()
    for (;;) {
      if (!anchored || at === 0) this.#enter(start, text, at, task)
      if (this.#ended && places === undefined) return true
      if (this.#ended) places![at] = 1
      if (at === end || (anchored && this.#size === 0)) return false
      effort.spend(this.#steps + 1)
      at = this.#step(text, at, task)
    }
  }

  #begin(): void {
    this.#position++
    this.#size = 0
    this.#ended = false
    this.#steps = 0
  }

  /** Takes the code point at this position; gives the one behind it. */
  #step(text: string, at: number, task: Task): number {
    const code = task.backwards ? codeBefore(text, at) : text.codePointAt(at)!
    const width = code > 0xffff ? 2 : 1
    const after = task.backwards ? at - width : at + width
    const waiting = this.#waiting
    const size = this.#size
    this.#waiting = this.#next
    this.#next = waiting
    this.#begin()
    for (let i = 0; i < size; i++) {
      const state = this.#program.states[waiting[i]!]!
      if (state.kind === 'take' && state.points.has(code)) this.#enter(state.next, text, after, task)
    }
    this.#steps += size
    return after
  }

  /** Enters a state and all that can be reached from there without taking anything. */
  #enter(first: number, text: string, at: number, task: Task): void {
    const { states } = this.#program
    const stack = this.#stack
    let depth = 0
    stack[depth++] = first
    while (depth > 0) {
      const number = stack[--depth]!
      if (this.#entered[number] === this.#position) continue
      this.#entered[number] = this.#position
      this.#steps++
      const state = states[number]!
      if (state.kind === 'take') this.#waiting[this.#size++] = number
      else if (state.kind === 'end') this.#ended = true
      else if (state.kind === 'fork') {
        stack[depth++] = state.other
        stack[depth++] = state.one
      } else if (
        state.kind === 'at' ? isAt(state.place, text, at) : (task.found[state.look]![at] === 1) !== state.negated
      )
        stack[depth++] = state.next
    }
  }
}

function codeBefore(text: string, at: number): number {
  const code = text.charCodeAt(at - 1)
  const isLow = code >= 0xdc00 && code <= 0xdfff && at > 1
  const pair = isLow ? text.codePointAt(at - 2)! : 0
  return pair > 0xffff ? pair : code
}

function isAt(place: 'start' | 'end' | 'boundary' | 'inside', text: string, at: number): boolean {
  if (place === 'start') return at === 0
  if (place === 'end') return at === text.length
  return (isWord(text.charCodeAt(at - 1)) !== isWord(text.charCodeAt(at))) === (place === 'boundary')
}

/** NaN, in front of the text and behind it, is no word. */
const isWord = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || (code >= 0x61 && code <= 0x7a)
