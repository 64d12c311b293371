import type { PipelineError } from '../../src/core/errors.ts'
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

/**
 * What somebody should look at now, although it is no outage yet: sources without a connection, nodes whose last try has
 * failed. Whoever asks for health may be anybody: the code, and nothing of an address or a topic.
 */
export function remarksOf({ nodes }: RowlineSnapshot): HealthProblem[] {
  return nodes.flatMap((node) => {
    const { id, type, name, rejections } = node
    const remark = (problem: string) => [{ id, type, name, problem }]
    const error = failureOf(node) ?? rejections.error
    if (error) return remark(`failing: ${error.code}`)
    const phase = node.kind === 'source' ? node.connection?.phase : undefined
    return phase === 'connecting' || phase === 'waiting' ? remark('not connected') : []
  })
}

const failureOf = (node: RowlineSnapshot['nodes'][number]): PipelineError | undefined => {
  if (node.kind === 'source') return node.connection?.error
  return node.kind === 'sink' ? node.delivery.error : undefined
}
