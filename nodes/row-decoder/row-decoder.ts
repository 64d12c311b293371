import type { NodeAPI } from 'node-red'
import { type PipelineError, toPipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import { type RowSchemaConfig, schemaOf } from '../../src/rows/config.ts'
import { createDecoder, type DecodeRecord } from '../../src/rows/decode-record.ts'
import type { Rejected } from '../shared/dead-letters.ts'
import { type FlowMessage, SHARED } from '../shared/handle.ts'
import { isBatch, recordsOf, unreadable, withPayload } from '../shared/messages.ts'
import { RareLog } from '../shared/rare-log.ts'
import { ReadingLog } from '../shared/reading-log.ts'
import { configOf, onClose, registerNode } from '../shared/register-node.ts'
import { Rejections } from '../shared/rejections.ts'
import { nodeSnapshot } from '../shared/snapshot.ts'
import { count, FailureLog, failing, StatusLine } from '../shared/status.ts'
import { declaration } from './declaration.ts'
import { createSparkplug } from './sparkplug.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration, (node, config, rowline) => {
    const counts = { decoded: 0, skipped: 0, warned: 0 }
    const warnings = new RareLog((text) => node.warn(text))
    const warn = ({ message }: PipelineError) => {
      counts.warned++
      warnings.note(message)
    }
    const sparkplug = createSparkplug(node, config, rowline)
    const births = sparkplug?.files
    const schema = (id: string) => schemaOf(configOf<RowSchemaConfig>(RED, id))
    const decode = createDecoder(config, schema, warn, sparkplug?.decoder)
    const rejections = new Rejections(node, rowline)
    const log = new ReadingLog(node, config.logLevel)
    const counted = () => ({ ...counts, gaps: sparkplug?.decoder.gaps ?? 0, unnamed: sparkplug?.decoder.unnamed ?? 0 })
    const trouble = () => rejections.error ?? births?.error
    const unwatch = rowline.watch(() => ({
      ...nodeSnapshot(node, rejections),
      kind: 'decoder',
      error: trouble(),
      ...counted(),
    }))
    const failures = new FailureLog(node)
    const status = new StatusLine(node, (rate) => {
      const error = trouble()
      failures.note(error, 'Storing again')
      if (error) return failing(error)
      const { decoded, ...rest } = counted()
      const parts = Object.entries({ rejected: rejections.count, ...rest }).filter(([, n]) => n > 0)
      const text = [`${count(rate(decoded))}/s`, ...parts.map(([what, n]) => `${count(n)} ${what}`)].join(' · ')
      return { fill: 'green', shape: 'dot', text }
    })
    node.on('input', (message, send, done) => {
      const result = decodeMessage(message as FlowMessage, decode, log)
      counts.decoded += result.decoded
      counts.skipped += result.skipped
      const sendAny = send as (messages: unknown) => void
      const pass = () => {
        if (result.message) sendAny(result.message)
        rejections.reject(result.rejected, message as FlowMessage, sendAny, done)
      }
      if (births) births.afterSaved(pass)
      else pass()
    })
    onClose(node, async () => {
      unwatch()
      status.close()
      await births?.close()
      await rejections.close()
      node.stuck = true
    })
  })
}

/** Of the packed payloads of one batch, beyond what data usually grows by. */
const mostGrowthBytes = 64 << 20

interface Decoded {
  /** What leaves output 1, if anything does. */
  readonly message: FlowMessage | undefined
  readonly rejected: readonly Rejected[]
  readonly decoded: number
  readonly skipped: number
}

function decodeMessage(message: FlowMessage, decode: DecodeRecord, log: ReadingLog): Decoded {
  const batch = isBatch(message)
  const items: readonly FlowMessage[] = batch ? message.payload : [message]
  const room = batch ? { left: mostGrowthBytes } : undefined
  const out: FlowMessage[] = []
  let isShared = false
  const rejected: Rejected[] = []
  let records: readonly Record[]
  try {
    records = recordsOf(message)
  } catch (error) {
    const all = unreadable(message).map((record) => ({ record, error: toPipelineError(error) }))
    return { message: undefined, rejected: all, decoded: 0, skipped: 0 }
  }
  for (const [i, record] of records.entries()) {
    try {
      const row = decode(record, room)
      if (log.isOn) log.note([record], () => (row ? 'decoded' : 'skipped'))
      if (!row) continue
      out.push(decodedItem(items[i]!, record, row))
      isShared ||= row.payload === record.payload
    } catch (error) {
      rejected.push({ record, error: toPipelineError(error) })
      log.note([record], () => `rejected (${rejected.at(-1)!.error.code})`)
    }
  }
  const skipped = items.length - out.length - rejected.length
  const decoded = batch && out.length > 0 ? withItems(message, out, isShared) : out[0]
  return { message: decoded, rejected, decoded: out.length, skipped }
}

/** What another branch has too stays marked, unless nothing of it is left. */
function withItems(message: FlowMessage, payload: readonly FlowMessage[], isShared: boolean): FlowMessage {
  const { [SHARED]: shared, ...rest } = message
  return { ...rest, ...(shared && isShared ? { [SHARED]: true } : {}), payload }
}

function decodedItem(item: FlowMessage, record: Record, row: Record): FlowMessage {
  if (row === record) return item
  return withPayload(item, row)
}
