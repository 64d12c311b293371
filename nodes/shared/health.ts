import type { RowlineSnapshot } from './snapshot.ts'
import { duration } from './status.ts'

/** So many failed attempts in a row are an outage and no hiccup. */
const mostFailures = 3

export interface HealthProblem {
  readonly id: string
  readonly type: string
  readonly name: string
  readonly problem: string
}

/** Sinks whose oldest record without confirmation is too old, or that have failed three times in a row; else none. */
export function problemsOf({ nodes }: RowlineSnapshot, maxUnconfirmedAgeMs: number, now: number): HealthProblem[] {
  return nodes.flatMap((node) => {
    if (node.kind !== 'sink') return []
    const { id, type, name, delivery, oldestUnconfirmedAt = now } = node
    const ageMs = now - oldestUnconfirmedAt
    const problems = [
      ...(ageMs > maxUnconfirmedAgeMs ? [`a reading has waited for ${duration(ageMs)}`] : []),
      ...(delivery.failures >= mostFailures ? [`${delivery.failures} writes failed in a row`] : []),
    ]
    return problems.map((problem) => ({ id, type, name, problem }))
  })
}
