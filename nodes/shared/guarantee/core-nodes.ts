import type { Finding } from './findings.ts'
import type { Place } from './flow-graph.ts'
import { readFunction } from './function-code.ts'

/** What is found at one place. */
export type Found = Pick<Finding, 'code'> & Partial<Pick<Finding, 'values'>>

export interface CoreContext {
  /** Of the source. */
  readonly settleTimeoutMs: number
  /** Whether a Rowline sink comes behind these places. */
  reachesSink(places: readonly string[]): boolean
  /** Whether one of these leads to a `link out` that returns. */
  returns(places: readonly string[]): boolean
}

type Judge = (place: Place, context: CoreContext) => readonly Found[]

const fine: Judge = () => []
const always =
  (code: Found['code']): Judge =>
  () => [{ code }]

/** It writes somewhere and may pass the message on, to a sink that has it safe. */
const unconfirmed: Judge = ({ wires }, { reachesSink }) => (reachesSink(wires.flat()) ? [] : [{ code: 'unconfirmed' }])

/**
 * What Node-RED's own nodes do with a message, as far as their configuration tells it. Each line is measured or read
 * in Node-RED 5.0.7; docs/decisions/003 says what counts as finished.
 */
const judges: { readonly [type: string]: Judge } = {
  ...Object.fromEntries(
    [
      ...['debug', 'complete', 'status', 'comment', 'junction', 'link in', 'link out', 'change', 'range'],
      ...['template', 'csv', 'html', 'json', 'xml', 'yaml', 'split', 'sort', 'file in', 'inject'],
    ].map((type) => [type, fine]),
  ),
  function: judgeFunction,
  switch: judgeSwitch,
  catch: ({ wires }, { reachesSink }) => (reachesSink(wires.flat()) ? [] : [{ code: 'caughtLost' }]),
  rbe: always('filterDrops'),
  delay: judgeDelay,
  trigger: ({ node }) => [{ code: node.op2type === 'nul' ? 'delayDrops' : 'triggerKeeps' }],
  join: ({ node }) => (node.mode === 'auto' || node.mode === undefined ? [] : [{ code: 'joinWaits' }]),
  batch: always('joinWaits'),
  'link call': judgeCall,
  'mqtt out': ({ node }) => [{ code: String(node.qos ?? '') === '0' ? 'unconfirmed' : 'outAway' }],
  ...Object.fromEntries(
    [...['tcp out', 'tcp request', 'udp out', 'websocket out', 'http request', 'http response', 'file', 'exec']].map(
      (type) => [type, unconfirmed],
    ),
  ),
}

/** Whether a Catch node may get a reading of it. Ours tell Catch nodes of no reading. */
export const mayFail = ({ node: { type } }: Place): boolean =>
  !['debug', 'complete', 'status', 'catch', 'junction', 'link in', 'link out'].includes(type)

/** Of a node that is not one of ours. */
export function judgeCoreNode(place: Place, context: CoreContext): readonly Found[] {
  const { type } = place.node
  if (type.startsWith('subflow:')) return []
  return (judges[type] ?? always('thirdParty'))(place, context)
}

function judgeFunction({ node, wires }: Place): readonly Found[] {
  const { drops, isLate, isDone } = readFunction(String(node.func ?? ''))
  return [
    ...(drops || wires.flat().length === 0 ? [{ code: 'functionDrops' } as const] : []),
    ...(isLate && !isDone ? [{ code: 'functionLate' } as const] : []),
  ]
}

function judgeSwitch({ node: { rules }, wires }: Place): readonly Found[] {
  const kinds = Array.isArray(rules) ? rules.map((rule) => String(Object(rule).t)) : []
  const has = (...wanted: readonly string[]) => wanted.every((kind) => kinds.includes(kind))
  const isComplete = has('else') || has('null', 'nnull') || has('empty', 'nempty')
  const isWired = kinds.every((_, i) => (wires[i]?.length ?? 0) > 0)
  return isComplete && isWired ? [] : [{ code: 'switchDrops' }]
}

const unitsMs: { readonly [unit: string]: number } = {
  milliseconds: 1,
  seconds: 1000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
}

function judgeDelay({ node, wires }: Place, { settleTimeoutMs, reachesSink }: CoreContext): readonly Found[] {
  const { pauseType, drop, timeout, timeoutUnits, randomLast, randomUnits, outputs } = node
  if (pauseType === 'delay' || pauseType === 'random') {
    const [amount, unit] = pauseType === 'delay' ? [timeout, timeoutUnits] : [randomLast, randomUnits]
    const longestMs = Number(amount) * (unitsMs[String(unit ?? 'seconds')] ?? unitsMs.seconds!)
    return longestMs >= settleTimeoutMs ? [{ code: 'delayLong', values: { timeout: String(settleTimeoutMs) } }] : []
  }
  const isKept = Number(outputs) === 2 && reachesSink(wires[1] ?? [])
  const drops = pauseType === 'queue' || pauseType === 'timed' || ((drop === true || pauseType === 'burst') && !isKept)
  return drops ? [{ code: 'delayDrops' }] : []
}

function judgeCall({ node, calls }: Place, { returns }: CoreContext): readonly Found[] {
  if (node.linkType === 'dynamic') return [{ code: 'callsAnything' }]
  return returns(calls) ? [] : [{ code: 'noReturn' }]
}
