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

/**
 * Sources and sinks whose oldest record without confirmation is too old, and sinks that have failed three times in a
 * row; else none. A record that no sink has (a red node keeps it, a dead letter cannot be stored) is found at its source.
 */
export function problemsOf({ nodes }: RowlineSnapshot, maxUnconfirmedAgeMs: number, now: number): HealthProblem[] {
  return nodes.flatMap((node) => {
    if (node.kind !== 'sink' && node.kind !== 'source') return []
    const { id, type, name, oldestUnconfirmedAt = now } = node
    const failures = node.kind === 'sink' ? node.delivery.failures : 0
    const ageMs = now - oldestUnconfirmedAt
    const problems = [
      ...(ageMs > maxUnconfirmedAgeMs ? [`a reading has waited for ${duration(ageMs)}`] : []),
      ...(failures >= mostFailures ? [`${failures} writes failed in a row`] : []),
    ]
    return problems.map((problem) => ({ id, type, name, problem }))
  })
}
