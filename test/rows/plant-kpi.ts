import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The readings of ACCEPTANCE F2 and F3: what comes in, and the row or the reason. Also for tests with a real Node-RED. */
const example: readonly { readonly [property: string]: unknown }[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../examples/07 Plant KPIs to PubSub and BigQuery.json'), 'utf8'),
)
const inExample = (type: string) => example.find((node) => node.type === type)!

/** Of the example: what its users get is what is tested. */
export const kpiSchema = inExample('row-schema').schema as string

/** The properties of its row-decoder that are not the defaults. */
export const kpiDecoder = Object.fromEntries(
  ['topicPattern', 'timestampFormat', 'coerceNumbers', 'rejectEmptyText'].map((name) => [
    name,
    inExample('row-decoder')[name],
  ]),
)

export const kpiTopic = 'FCTS/FAE/SAF/SolvExtract/SX_PLS_FLOW.PV'

const good = {
  site_code: 'SAF',
  sensor_id: 'SX-FIT-101',
  timestamp: '2025-07-01T12:00:00Z',
  value: 412.75,
}
const but = (changed: object) => JSON.stringify({ ...good, ...changed })
const goodText = but({})

interface Case {
  readonly topic?: string
  readonly payload: string
  /** The row as JSON, or why there is none. */
  readonly row?: string
  readonly reason?: string
}

const row = (value: string, timestamp = '2025-07-01T12:00:00Z') =>
  `{"site_code":"SAF","sensor_id":"SX-FIT-101","pi_tag":"SX_PLS_FLOW.PV","timestamp":"${timestamp}","value":${value}}`

export const kpiCases: readonly Case[] = [
  { payload: goodText, row: row('412.75') },
  { topic: 'FCTS/FAE/SAF/SolvExtract', payload: goodText, reason: 'topic-structure' },
  { topic: 'FCTS/FAE/SAF/SolvExtract/T/x', payload: goodText, reason: 'topic-structure' },
  { topic: 'FCTS/FAE/SAF/Leach/T1', payload: goodText, reason: 'topic-structure' },
  { topic: 'FCTS/FAE/SAF/solvextract/T1', payload: goodText, reason: 'topic-structure' },
  { topic: 'FCTS/FAE//SolvExtract/T1', payload: goodText, reason: 'topic-structure' },
  { payload: but({ value: undefined }), reason: 'missing' },
  { payload: but({ value: null }), reason: 'missing' },
  { payload: but({ sensor_id: '' }), reason: 'missing' },
  { payload: but({ sensor_id: undefined }), reason: 'missing' },
  { payload: but({ value: '12.5' }), reason: 'type' },
  { payload: but({ value: 'NaN' }), reason: 'type' },
  { payload: but({ value: true }), reason: 'type' },
  { payload: goodText.replace('412.75', '1e999'), reason: 'type' },
  { payload: but({ timestamp: 'yesterday' }), reason: 'timestamp' },
  { payload: but({ timestamp: '2025-07-01T12:00:00' }), reason: 'timestamp' },
  { payload: but({ timestamp: 1751371200 }), reason: 'timestamp' },
  { payload: but({ timestamp: 99_999_999_999 }), reason: 'timestamp' },
  { payload: but({ timestamp: {} }), reason: 'type' },
  { payload: '{"site_code":', reason: 'json' },
  { payload: '', reason: 'json' },
  { payload: '[1]', reason: 'type' },
  { payload: but({ site_code: 'CMC' }), reason: 'site-mismatch' },
  { payload: but({ value: 0 }), row: row('0') },
  { payload: goodText.replace('412.75', '-0.0'), row: row('0') },
  { payload: but({ more: [1], unit: 'x' }), row: row('412.75') },
  { payload: but({ site_code: undefined }), row: row('412.75') },
  { payload: but({ pi_tag: 'SX_PLS_FLOW.PV' }), row: row('412.75') },
  {
    payload: but({ timestamp: '2025-07-01T14:00:00.250+02:00' }),
    row: row('412.75', '2025-07-01T12:00:00.250Z'),
  },
  { payload: but({ timestamp: 1751371200000 }), row: row('412.75') },
  { payload: but({ timestamp: 1751371200001 }), row: row('412.75', '2025-07-01T12:00:00.001Z') },
]
