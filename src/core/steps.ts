import type { PipelineError } from './errors.ts'

/** `null` stands for "no limit", and an absent name for "not said". */
export interface StepValues {
  readonly [name: string]: string | number | boolean | null
}

/** One look at a connection. */
export interface Step {
  /** Names its texts. */
  readonly step: string
  /** A step that runs is followed by the same step with what came out. `noted`: it works, but look at it. */
  readonly state: 'running' | 'passed' | 'noted' | 'skipped' | 'failed'
  /** Which of its texts says more; the one for its state if absent. */
  readonly text?: string
  /** What its texts are filled with. Never a secret. */
  readonly values: StepValues
  /** Of a step that failed: what is wrong and what to do. */
  readonly problem?: string
}

/** English title and further texts (by state) of each step; the step `name` has `name`, `name-passed` and so on. */
export interface StepTexts {
  readonly [key: string]: string
}

interface Attempt<T> {
  readonly step: string
  readonly values: StepValues
  readonly work: () => Promise<T>
  /** What there is to say of what was found. */
  readonly describe: (found: T) => Partial<Pick<Step, 'state' | 'text' | 'values'>>
  readonly explain: (error: unknown) => PipelineError
}

/** The step that runs, then what came out. Returns what was found, undefined where it failed. */
export async function* attempt<T>({
  step,
  values,
  work,
  describe,
  explain,
}: Attempt<T>): AsyncGenerator<Step, T | undefined> {
  yield { step, state: 'running', values }
  try {
    const found = await work()
    const more = describe(found)
    yield { step, state: 'passed', ...more, values: { ...values, ...more.values } }
    return found
  } catch (error) {
    yield { step, state: 'failed', values, problem: explain(error).message }
    return undefined
  }
}

/** Rejects when the work takes longer than `ms`, or the signal is aborted; `work` hears of both by its own signal. */
export function bounded<T>(ms: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ms)])
  return new Promise((resolve, reject) => {
    const late = () => (signal.aborted ? 'the time for the whole test is up' : `no answer within ${ms / 1000} s`)
    const end = () => reject(Object.assign(new Error(late()), { code: 'ETIMEDOUT' }))
    if (limited.aborted) return end()
    limited.addEventListener('abort', end, { once: true })
    work(limited).then(resolve, reject)
  })
}
