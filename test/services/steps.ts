import type { Step } from '../../src/core/steps.ts'

/** What came out of each step. */
export async function outcomesOf(steps: AsyncIterable<Step>): Promise<readonly Step[]> {
  const outcomes: Step[] = []
  for await (const step of steps) if (step.state !== 'running') outcomes.push(step)
  return outcomes
}

/** `tls noted expires` */
export const statesOf = (steps: readonly Step[]): readonly string[] =>
  steps.map(({ step, state, text = '' }) => `${step} ${state} ${text}`.trim())
