import { createRequire } from 'node:module'
import { parseFields } from '../../src/config/fields.ts'
import { type Payload, type Record, toJson } from '../../src/core/record.ts'
import { rowDecoderFields } from '../../src/rows/config.ts'
import { createDecoder } from '../../src/rows/decode-record.ts'
import { SparkplugDecoder, type SparkplugPorts } from '../../src/rows/sparkplug/decoder.ts'

type Value = string | number | boolean | Uint8Array | Message | readonly Value[] | undefined
/** A message of sparkplug_b.proto in protobufjs's spelling: `intValue`, `isNull`; 64-bit numbers may be text. */
export interface Message {
  readonly [field: string]: Value
}

interface Codec {
  encode(message: Message): { finish(): Uint8Array }
}

const require = createRequire(import.meta.url)
const { default: generated } = await import(require.resolve('sparkplug-payload/lib/sparkplugPayloadProto.js'))
const codec: Codec = generated.org.eclipse.tahu.protobuf.Payload

/** The bytes that the reference implementation writes. */
export const encode = (payload: Message): Buffer => Buffer.from(codec.encode(payload).finish())

/** C5 of the acceptance scenarios. */
export const nodeBirth = Buffer.from(
  'CMSJiYPTMBIXCghJbnB1dHMvQRAAGOry9aigKyALcAASFwoISW5wdXRzL0IQARjq8vWooCsgC3AAEhgKCU91dHB1dHMvRRACGOry9aigKyALcAASGAoJ' +
    'T3V0cHV0cy9GEAMY6vL1qKArIAtwABIrChhQcm9wZXJ0aWVzL0hhcmR3YXJlIE1ha2UQBBjq8vWooCsgDHoEU29ueRIhChFQcm9wZXJ0aWVzL1dlaWdo' +
    'dBAFGOry9aigKyADUMgBGAA=',
  'base64',
)

const time = '"timestamp":1486144502122'
export const nodeBirthRow =
  `{"timestamp":1671554024644,"metrics":[{"name":"Inputs/A",${time},"alias":0,"datatype":11,"value":false},` +
  `{"name":"Inputs/B",${time},"alias":1,"datatype":11,"value":false},` +
  `{"name":"Outputs/E",${time},"alias":2,"datatype":11,"value":false},` +
  `{"name":"Outputs/F",${time},"alias":3,"datatype":11,"value":false},` +
  `{"name":"Properties/Hardware Make",${time},"alias":4,"datatype":12,"value":"Sony"},` +
  `{"name":"Properties/Weight",${time},"alias":5,"datatype":3,"value":200}],"seq":0}`

export const record = (payload: Payload, topic: string, more: Partial<Record> = {}): Record => ({
  topic,
  payload,
  qos: 1,
  retain: false,
  dup: false,
  receivedAt: 5,
  ...more,
})

/** A `row-decoder` of the format `sparkplug-b`, and what it counts. */
export function sparkplugNode(options: { readonly [field: string]: unknown } = {}, ports: SparkplugPorts = {}) {
  const config = parseFields(rowDecoderFields, { format: 'sparkplug-b', ...options }).config!
  const decoder = new SparkplugDecoder(config.resolveAliases, ports)
  const decode = createDecoder(config, () => ({ columns: [], ignored: [], decoding: {} }), undefined, decoder)
  const rowOf = (payload: Payload, topic: string, more: Partial<Record> = {}) =>
    JSON.parse(toJson(decode(record(payload, topic, more))!.payload as never))
  return { decoder, decode, rowOf }
}
