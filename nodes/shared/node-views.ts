import type { PipelineError } from '../../src/core/errors.ts'
import type { Place } from './guarantee/flow-graph.ts'
import type { Reached } from './guarantee/pipelines.ts'
import type { At, FailingView, FailureView, SinkView } from './pipeline-view.ts'
import type { RowlineSnapshot, SinkSnapshot } from './snapshot.ts'

type Snapshot = RowlineSnapshot['nodes'][number]

/** A sink that does not run confirms nothing. */
export function sinkView(
  { place, accepted }: Reached,
  snapshot: Snapshot | undefined,
  problems: readonly string[],
): SinkView {
  const { id, node } = place
  const numbers = snapshot?.kind === 'sink' ? numbersOf(snapshot) : { ...atRest, error: misconfigured(problems) }
  return { id, ...atOf(place), type: node.type, accepted, ...numbers }
}

const atOf = ({ id, node }: Place): At => ({ at: node.id, name: node.name || id })

type Numbers = Omit<SinkView, 'id' | 'at' | 'name' | 'type' | 'accepted'>

const atRest: Omit<Numbers, 'error'> = { confirmed: 0, pending: 0, outbox: undefined, oldestMs: undefined, retries: 0 }

function numbersOf({ delivery, oldestUnconfirmedAt, rejections }: SinkSnapshot): Numbers {
  const { confirmed, pendingRecords, retries, outbox } = delivery
  return {
    confirmed,
    pending: pendingRecords,
    outbox: outbox?.entries,
    oldestMs: oldestUnconfirmedAt === undefined ? undefined : Math.max(0, Date.now() - oldestUnconfirmedAt),
    retries,
    error: failureView(delivery.error ?? rejections.error),
  }
}

/** What keeps a node other than a sink from being done with readings; the connection of a source has a place of its own. */
export function failingAt(
  place: Place,
  snapshot: Snapshot | undefined,
  problems: readonly string[],
): readonly FailingView[] {
  const own = snapshot?.kind === 'decoder' ? snapshot.error : snapshot?.rejections.error
  const error = snapshot ? failureView(own) : misconfigured(problems)
  return error ? [{ ...atOf(place), error }] : []
}

export const failureView = (error: PipelineError | undefined): FailureView | undefined =>
  error && {
    code: error.code,
    words: error.status,
    message: error.message,
    isRetried: error.disposition === 'retry',
  }

const misconfigured = (problems: readonly string[]): FailureView | undefined =>
  problems.length === 0
    ? undefined
    : { code: 'CONFIG_INVALID', words: problems[0]!, message: problems.join('\n'), isRetried: false }
