import type { PipelineError } from '../../src/core/errors.ts'
import type { ConnectionStatus } from '../../src/mqtt/connection.ts'
import type { DeliverySnapshot } from './delivery-mode.ts'
import type { Rejections } from './rejections.ts'

interface NodeSnapshot {
  readonly id: string
  readonly type: string
  readonly name: string
  /** Records that went to output 2 or the dead letters, and why dead letters cannot be stored at present. */
  readonly rejections: {
    readonly count: number
    readonly error: PipelineError | undefined
    /** Wall-clock ms at which each error code was last met, the newest last. */
    readonly last: Rejections['last']
  }
}

export interface SourceSnapshot extends NodeSnapshot {
  readonly kind: 'source'
  /** Undefined until the connection is there. */
  readonly connection: ConnectionStatus | undefined
  readonly received: number
  readonly skipped: number
  /** As of a sink: of what is not acknowledged, wherever in the flow it is. */
  readonly oldestUnconfirmedAt: number | undefined
  readonly filters: readonly string[]
}

export interface SinkSnapshot extends NodeSnapshot {
  readonly kind: 'sink'
  readonly delivery: DeliverySnapshot
  /** The environment in which this node only logs; undefined while it writes. */
  readonly dryRunIn: string | undefined
  /** Wall-clock ms when the oldest record without confirmation came in; undefined when there is none. */
  readonly oldestUnconfirmedAt: number | undefined
}

export interface DecoderSnapshot extends NodeSnapshot {
  readonly kind: 'decoder'
  /** Why it is not done with readings at present. */
  readonly error: PipelineError | undefined
  /** Records that left output 1, those that gave nothing to pass on, and those passed on with a warning. */
  readonly decoded: number
  readonly skipped: number
  readonly warned: number
  /** Sparkplug B: messages before which others are missing, and metrics that have no name. */
  readonly gaps: number
  readonly unnamed: number
}

export interface GaugeSnapshot extends NodeSnapshot {
  readonly kind: 'gauge'
  /** What is shown now, records that were shown, and those for which "Most series" left no room. */
  readonly series: number
  readonly shown: number
  readonly unshown: number
}

/**
 * What all Rowline nodes of one Node-RED are doing at this moment, for status lines, metrics and health: numbers, names
 * and error texts, never anything of a payload.
 */
export interface RowlineSnapshot {
  /** Of readings on their way. */
  readonly memory: { readonly heldBytes: number; readonly maxBytes: number }
  /** Messages that nodes were done with after they had been given up. */
  readonly lateCompletions: number
  /** Nodes that send messages on after they have said that they are done with them. */
  readonly lateSenders: readonly string[]
  readonly nodes: readonly (SourceSnapshot | DecoderSnapshot | SinkSnapshot | GaugeSnapshot)[]
}

interface Named {
  readonly id: string
  readonly type: string
  readonly name?: string | undefined
}

export const nodeSnapshot = ({ id, type, name = '' }: Named, { count, error, last }: Rejections): NodeSnapshot => ({
  id,
  type,
  name,
  rejections: { count, error, last },
})

/** With an outbox, its oldest entry: what came later waits behind it. */
export function oldestUnconfirmedAt({ outbox, oldestPendingAt }: DeliverySnapshot): number | undefined {
  return outbox ? outbox.oldestStoredAt : oldestPendingAt
}
