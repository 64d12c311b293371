import type { Node, NodeStatus } from 'node-red'
import type { PipelineError } from '../../src/core/errors.ts'

const EVERY_MS = 1000
/** As much as stands below a node and not in the next one. */
const LONGEST = 42
/** A cause is cut only beyond this: it is what the text is for. */
const LONGEST_CAUSE = 60

/** Keeps a node's status true: asked once a second and after each change, told to the editor only when it differs. */
export class StatusLine {
  readonly #node: Node
  readonly #describe: (ratePerSecond: (total: number) => number) => NodeStatus
  readonly #timer: NodeJS.Timeout
  #shown = ''
  #last: { atMs: number; total: number } | undefined
  #rate = 0

  /** `describe` is given a function that turns a running total into records per second. */
  constructor(node: Node, describe: (ratePerSecond: (total: number) => number) => NodeStatus) {
    this.#node = node
    this.#describe = describe
    this.#timer = setInterval(() => this.refresh(), EVERY_MS)
    this.#timer.unref()
    this.refresh()
  }

  refresh(): void {
    const status = this.#describe((total) => this.#ratePerSecond(total))
    const text = JSON.stringify(status)
    if (text === this.#shown) return
    this.#shown = text
    this.#node.status(status)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #ratePerSecond(total: number): number {
    const atMs = performance.now()
    if (!this.#last) this.#last = { atMs, total }
    const elapsedMs = atMs - this.#last.atMs
    if (elapsedMs >= EVERY_MS * 0.8) {
      this.#rate = Math.round(((total - this.#last.total) * 1000) / elapsedMs)
      this.#last = { atMs, total }
    }
    return this.#rate
  }
}

/**
 * Yellow: it is tried again, `aside` says how often and for how long. Red: somebody has to act, and needs the reason
 * more than that: `aside` is there only with a reason that is whole.
 */
export function failing({ disposition, status }: PipelineError, rest = '', aside = ''): NodeStatus {
  const isRetried = disposition === 'retry'
  const suffix = isRetried || status.length + aside.length + rest.length <= LONGEST ? aside + rest : rest
  return {
    fill: isRetried ? 'yellow' : 'red',
    shape: 'ring',
    text: shortened(status, LONGEST - suffix.length) + suffix,
  }
}

export function count(n: number): string {
  return n.toLocaleString('en-US')
}

/** The cause, and of what stands behind its colon the words that there is room for. The log and the sidebar have it all. */
function shortened(text: string, room: number): string {
  if (text.length <= room) return text
  const cause = text.split(': ', 1)[0]!
  const end = text.lastIndexOf(' ', room - 1)
  if (end > cause.length + 1) return `${text.slice(0, end).replace(/[,;:.]$/, '')}…`
  return cause.length <= LONGEST_CAUSE ? cause : `${cause.slice(0, LONGEST_CAUSE - 1)}…`
}

/** Says a failure once when it begins, and once when it is over. `identify` tells one failure from the next. */
export class FailureLog {
  readonly #node: Node
  readonly #identify: (error: PipelineError) => string
  #failing: string | undefined

  constructor(node: Node, identify: (error: PipelineError) => string = ({ code }) => code) {
    this.#node = node
    this.#identify = identify
  }

  note(error: PipelineError | undefined, recovered: string): void {
    const failing = error && this.#identify(error)
    if (failing === this.#failing) return
    this.#failing = failing
    if (error) this.#node.warn(`${error.message} [${error.code}]`)
    else this.#node.log(recovered)
  }
}

/** `40 s`, `3 min`, `2 h`: as precise as anybody wants to know. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`
}
