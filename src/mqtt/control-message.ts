import { type FieldProblem, parseFields } from '../config/fields.ts'
import { PipelineError } from '../core/errors.ts'
import { type Subscription, subscriptionColumns } from './config.ts'

/** What a message asks of a source, as those of Node-RED's own `mqtt in` do. */
export type Control =
  | { readonly action: 'connect' | 'disconnect' | 'getSubscriptions' }
  | { readonly action: 'subscribe'; readonly rows: readonly Subscription[] }
  /** Without filters: all. */
  | { readonly action: 'unsubscribe'; readonly filters: readonly string[] | undefined }

/** A subscription as messages name it: only `topic` has to be there. */
export interface NamedSubscription {
  readonly topic: string
  readonly qos: 0 | 1 | 2
  readonly route?: string
  readonly to?: string
  readonly partitions?: number
}

const actions = ['connect', 'disconnect', 'getSubscriptions', 'subscribe', 'unsubscribe'] as const

/** Throws CONTROL_INVALID. */
export function readControl(message: { readonly [property: string]: unknown }): Control {
  const action = actions.find((known) => known === message.action)
  if (!action) throw invalid(`msg.action must be one of ${actions.join(', ')}`)
  if (action === 'subscribe') return { action, rows: listOf(message.topic).map(readRow) }
  if (action === 'unsubscribe')
    return { action, filters: message.topic === true ? undefined : listOf(message.topic).map(readFilter) }
  if (action === 'connect' && message.broker !== undefined)
    throw invalid('msg.broker is not taken here: the broker is that of the "Source"')
  return { action }
}

export const nameOf = ({ filter, qos, route, to, partitions }: Subscription): NamedSubscription => ({
  topic: filter,
  qos: Number(qos) as 0 | 1 | 2,
  ...(route === '' ? {} : { route }),
  ...(to === '' ? {} : { to }),
  ...(partitions === undefined ? {} : { partitions }),
})

/** A subscription as it was named before. Throws CONTROL_INVALID. */
export function readRow(named: unknown): Subscription {
  const { topic: filter, ...rest } = namedOf(named)
  const [unknown] = Object.keys(rest).filter((name) => !(name in subscriptionColumns) || name === 'filter')
  if (unknown !== undefined)
    throw invalid(`a subscription has topic, qos, route, to and partitions, and no "${unknown}"`)
  const { config, problems } = parseFields(subscriptionColumns, { filter, ...rest })
  if (!config) throw invalid(problems.map((problem) => describe(filter, problem)).join('; '))
  return config
}

const readFilter = (named: unknown): string => readRow({ topic: namedOf(named).topic }).filter

function listOf(topic: unknown): readonly unknown[] {
  const list = Array.isArray(topic) ? topic : [topic]
  if (list.length === 0) throw invalid('msg.topic names no subscription')
  return list
}

function namedOf(named: unknown): { readonly topic: string; readonly [property: string]: unknown } {
  const { topic, ...rest } =
    typeof named === 'object' && named !== null ? (named as { topic?: unknown }) : { topic: named }
  if (typeof topic !== 'string')
    throw invalid('msg.topic must be a topic filter, an object with "topic" and "qos", or a list of those')
  return { topic, ...rest }
}

const describe = (filter: string, { field, problem }: FieldProblem): string =>
  `"${filter}": ${subscriptionColumns[field as keyof typeof subscriptionColumns].label} ${problem.text}`

const invalid = (problem: string): PipelineError => new PipelineError('CONTROL_INVALID', { problem })
