import type { DeliveryClass, Finding, FindingCode } from './guarantee/findings.ts'

/** A node as the editor knows it: `at` is its id there, which in a subflow is that of the subflow's node. */
export interface At {
  readonly at: string
  readonly name: string
}

/** Why a node does not get on: its code, the short words of its status, and what to do. */
export interface FailureView {
  readonly code: string
  readonly words: string
  readonly message: string
  /** It is tried again without anybody. */
  readonly isRetried: boolean
}

/** A node that is neither a sink nor the connection. */
export interface FailingView extends At {
  readonly error: FailureView
}

export interface SinkView extends At {
  readonly id: string
  readonly type: string
  /** Whether accepted readings reach it, or rejected ones alone. */
  readonly accepted: boolean
  /** Since the last deploy of the node. */
  readonly confirmed: number
  readonly pending: number
  /** Records on disk; absent without an outbox. */
  readonly outbox: number | undefined
  /** Age of the oldest record without confirmation. */
  readonly oldestMs: number | undefined
  readonly retries: number
  readonly error: FailureView | undefined
}

/** One pipeline as the admin endpoint gives it: names, errors and numbers, nothing of a payload or a secret. */
export interface PipelineView extends At {
  readonly id: string
  /** The name of its tab. */
  readonly tab: string
  readonly guarantee: DeliveryClass
  readonly limit: FindingCode | undefined
  readonly findings: readonly (Finding & At & { readonly type: string })[]
  /** Of the connection, or the code of its error. */
  readonly phase: string
  /** Of the connection. */
  readonly error: FailureView | undefined
  /** Since the last deploy of the source. */
  readonly received: number
  /** In the flow and not acknowledged. */
  readonly open: number
  readonly sinks: readonly SinkView[]
  readonly failing: readonly FailingView[]
  /** Since Node-RED has started, by all nodes. */
  readonly rejected: number
  readonly reasons: readonly { readonly reason: string; readonly count: number }[]
  /** The latest codes, the newest first; `at` is wall-clock ms. */
  readonly last: readonly {
    readonly code: string
    readonly at: number
    readonly node: string
    readonly nodeAt: string
  }[]
}
