import { type PipelineError, toPipelineError } from './errors.ts'
import { type Backoff, retryDelayMs } from './retry.ts'

export interface Laned {
  /** Records of one lane are written in order. Undefined: of none. */
  readonly lane: string | undefined
  readonly bytes: number
}

/** In order, and why: the error to be shown, and those of single items, where they are known. */
export interface Held<T> {
  readonly items: readonly T[]
  readonly error: PipelineError
  readonly errors?: ReadonlyMap<T, PipelineError>
}

/** What is tried in vain together: a lane, or a single item that is of none. */
const keyOf = <T extends Laned>(item: T): string | T => item.lane ?? item

/**
 * What the target has not taken while it took the rest of a batch. A lane with something here is held: what comes later
 * waits behind it, and the other lanes go on. All in the order in which it came.
 */
export class HeldLanes<T extends Laned> {
  readonly #backoff: Backoff
  readonly #onDue: () => void
  #items: readonly T[] = []
  #lanes = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #due = false
  /** Monotonic ms of the try that the timer begins; Infinity while none runs. */
  #dueAt = Infinity
  readonly #failures = new Map<string | T, number>()
  #taken: readonly T[] = []
  #error: PipelineError | undefined
  #since: number | undefined

  /** `onDue` says that it is time to try again. */
  constructor(backoff: Backoff, onDue: () => void) {
    this.#backoff = backoff
    this.#onDue = onDue
  }

  get records(): number {
    return this.#items.length
  }

  get due(): boolean {
    return this.#due && this.#items.length > 0
  }

  /** How often what has failed most has been tried in vain. */
  get failures(): number {
    return this.#most(this.#failures.keys())
  }

  /** How often the lane of the item, or an item of no lane, has been tried in vain. */
  failuresOf(item: T): number {
    return this.#failures.get(keyOf(item)) ?? 0
  }

  /** Why, and since when in wall-clock ms; undefined while nothing is held. */
  get trouble(): { readonly error: PipelineError; readonly since: number } | undefined {
    return this.#error && this.#since !== undefined ? { error: this.#error, since: this.#since } : undefined
  }

  /** Keeps what belongs to held lanes and gives the rest. */
  pass(items: readonly T[]): readonly T[] {
    if (this.#lanes.size === 0) return items
    const isHeld = ({ lane }: T) => lane !== undefined && this.#lanes.has(lane)
    this.#items = [...this.#items, ...items.filter(isHeld)]
    return items.filter((item) => !isHeld(item))
  }

  /** The oldest, up to these limits, at least one. Their lanes stay held until `put` or `settle` is called. */
  take(maxRecords: number, maxBytes: number): readonly T[] {
    let bytes = 0
    const end = this.#items.findIndex((item, i) => {
      bytes += item.bytes
      return i >= maxRecords || (i > 0 && bytes > maxBytes)
    })
    const taken = end < 0 ? this.#items : this.#items.slice(0, end)
    this.#items = end < 0 ? [] : this.#items.slice(end)
    this.#taken = taken
    return taken
  }

  /**
   * They come before the rest of their lanes, and behind the other lanes, so that one that fails starves none. Tried again
   * after a wait, which grows with every failure of the same.
   */
  put({ items, error }: Held<T>): void {
    const lanes = new Set(items.map(({ lane }) => lane))
    const isBehind = ({ lane }: T) => lanes.has(lane)
    this.#items = [...this.#items.filter((item) => !isBehind(item)), ...items, ...this.#items.filter(isBehind)]
    this.#error = error
    this.#since ??= Date.now()
    this.#index()
    if (this.#taken.length > 0) this.#due = false
    this.#plan(retryDelayMs(this.#count(items), this.#backoff))
  }

  /** What has failed just now moves no earlier try back. */
  #plan(delayMs: number): void {
    const dueAt = performance.now() + delayMs
    if (this.#due || dueAt >= this.#dueAt) return
    clearTimeout(this.#timer)
    this.#dueAt = dueAt
    this.#timer = setTimeout(() => {
      this.#dueAt = Infinity
      this.#due = true
      this.#onDue()
    }, delayMs)
  }

  /** What was taken is no longer here: nothing of it was put back. */
  settle(): void {
    this.#index()
    this.#count([])
    if (this.#items.length > 0) return
    this.close()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#dueAt = Infinity
    this.#due = false
    this.#error = undefined
    this.#since = undefined
  }

  /** One failure more for these; none any longer for what was taken and is not among them. Gives the most before. */
  #count(failed: readonly T[]): number {
    const keys = new Set(failed.map(keyOf))
    for (const key of this.#taken.map(keyOf)) if (!keys.has(key)) this.#failures.delete(key)
    this.#taken = []
    const most = this.#most(keys)
    for (const key of keys) this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1)
    return most
  }

  #most(keys: Iterable<string | T>): number {
    let most = 0
    for (const key of keys) most = Math.max(most, this.#failures.get(key) ?? 0)
    return most
  }

  #index(): void {
    this.#lanes = new Set(this.#items.flatMap(({ lane }) => (lane === undefined ? [] : [lane])))
  }
}

interface Writing<T> {
  /** Finishes what is confirmed or rejected, and gives the rest. */
  write(items: readonly T[]): Promise<Held<T> | undefined>
  reject(item: T, error: PipelineError): unknown
}

/**
 * One try, whatever comes of it. What the target refuses as a whole is halved until the record at fault is alone; what is
 * behind something that is held again stays behind it.
 */
export async function writeOnce<T extends Laned>(items: readonly T[], to: Writing<T>): Promise<Held<T> | undefined> {
  try {
    return await to.write(items)
  } catch (thrown) {
    const error = toPipelineError(thrown)
    if (error.disposition !== 'reject') return { items, error }
    return halve(items, error, to)
  }
}

async function halve<T extends Laned>(
  items: readonly T[],
  error: PipelineError,
  to: Writing<T>,
): Promise<Held<T> | undefined> {
  const [only] = items
  if (items.length === 1 && only) {
    to.reject(only, error)
    return undefined
  }
  const middle = items.length >> 1
  const first = await writeOnce(items.slice(0, middle), to)
  const lanes = new Set(first?.items.map(({ lane }) => lane))
  const isBehind = ({ lane }: T) => lane !== undefined && lanes.has(lane)
  const rest = items.slice(middle)
  const free = rest.filter((item) => !isBehind(item))
  const second = free.length > 0 ? await writeOnce(free, to) : undefined
  if (!first) return second
  const errors = new Map([...errorsOf(first), ...(second ? errorsOf(second) : [])])
  return { items: [...first.items, ...rest.filter(isBehind), ...(second?.items ?? [])], error: first.error, errors }
}

const errorsOf = <T>({ items, error, errors }: Held<T>): ReadonlyMap<T, PipelineError> =>
  errors ?? new Map(items.map((item) => [item, error]))

/** What failed lane by lane, and items of no lane one by one. What an operator has to put right is their error, if any. */
export function byLane<T extends Laned>({ items, error, errors }: Held<T>): readonly Held<T>[] {
  return [...Map.groupBy(items, keyOf).values()].map((lane) => {
    const own = lane.flatMap((item) => errors?.get(item) ?? [])
    return { items: lane, error: own.length === 0 ? error : shownOf(own) }
  })
}

/** What an operator has to put right is not given up with what passes. There is at least one. */
export const shownOf = (errors: readonly PipelineError[]): PipelineError =>
  errors.find(({ disposition }) => disposition !== 'retry') ?? errors[0]!
