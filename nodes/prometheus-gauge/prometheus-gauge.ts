import type { NodeAPI } from 'node-red'
import { toPipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import { Gauge } from '../../src/metrics/gauge.ts'
import type { Rejected } from '../shared/dead-letters.ts'
import type { FlowMessage } from '../shared/handle.ts'
import { recordsOf, unreadable, withoutRecords } from '../shared/messages.ts'
import { RareLog } from '../shared/rare-log.ts'
import { onClose, registerNode } from '../shared/register-node.ts'
import { Rejections } from '../shared/rejections.ts'
import { type GaugeSnapshot, nodeSnapshot } from '../shared/snapshot.ts'
import { count, FailureLog, failing, StatusLine } from '../shared/status.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration, (node, config, rowline) => {
    const gauge = new Gauge(config)
    const rejections = new Rejections(node, rowline)
    const warnings = new RareLog((text) => node.warn(text))
    const snapshot = (): GaugeSnapshot => ({
      ...nodeSnapshot(node, rejections),
      kind: 'gauge',
      series: gauge.series().size,
      ...gauge.counts,
    })
    const unwatch = rowline.watch(snapshot)
    rowline.gauges.add(gauge)
    const failures = new FailureLog(node)
    const status = new StatusLine(node, (rate) => {
      const now = snapshot()
      const { error } = now.rejections
      failures.note(error, 'Storing again')
      return error ? failing(error) : describe(now, rate(now.shown))
    })
    node.on('input', (message, send, done) => {
      const flowMessage = message as FlowMessage
      const sendAny = send as (messages: unknown) => void
      const { records, refused, beyond } = showAll(gauge, flowMessage)
      if (beyond > 0)
        warnings.note(`"Most series" (${config.maxSeries}) is reached: readings of further series are not shown`)
      if (refused.size < records.length) sendAny(withoutRecords(flowMessage, refused))
      rejections.reject([...refused.values()], flowMessage, sendAny, done)
    })
    onClose(node, async () => {
      rowline.gauges.delete(gauge)
      unwatch()
      status.close()
      await rejections.close()
      node.stuck = true
    })
  })
}

interface ShownAll {
  readonly records: readonly Record[]
  /** By their places. */
  readonly refused: ReadonlyMap<number, Rejected>
  /** For how many there was no room. */
  readonly beyond: number
}

function showAll(gauge: Gauge, message: FlowMessage): ShownAll {
  let records: readonly Record[]
  try {
    records = recordsOf(message)
  } catch (thrown) {
    const error = toPipelineError(thrown)
    const all = unreadable(message).map((record) => ({ record, error }))
    return { records: all.map(({ record }) => record), refused: new Map(all.entries()), beyond: 0 }
  }
  const refused = new Map<number, Rejected>()
  let beyond = 0
  for (const [i, record] of records.entries()) {
    try {
      if (!gauge.show(record)) beyond++
    } catch (error) {
      refused.set(i, { record, error: toPipelineError(error) })
    }
  }
  return { records, refused, beyond }
}

function describe({ series, unshown, rejections }: GaugeSnapshot, ratePerSecond: number) {
  const beyond = unshown > 0 ? ` · ${count(unshown)} not shown` : ''
  const rejected = rejections.count > 0 ? ` · ${count(rejections.count)} rejected` : ''
  const text = `${count(ratePerSecond)}/s · ${count(series)} series${beyond}${rejected}`
  return { fill: unshown > 0 ? 'yellow' : 'green', shape: 'dot', text } as const
}
