import { declaration } from '../nodes/row-decoder/declaration.ts'
import { parseFields } from '../src/config/fields.ts'
import { PipelineError } from '../src/core/errors.ts'
import { type Record, toJson } from '../src/core/record.ts'
import { createDecoder } from '../src/rows/decode-record.ts'
import { parseJsonSchema } from '../src/rows/json-schema/fields.ts'
import { parseRowSchema } from '../src/rows/parse-ddl.ts'
import { SparkplugDecoder } from '../src/rows/sparkplug/decoder.ts'
import { choiceKey, type Texts } from './catalogue.ts'
import type { Language } from './help.ts'

type Option = string | boolean | readonly { readonly [column: string]: string }[]

/** A payload and the options of the row decoder that it meets. A schema stands there as its text. */
export interface Example {
  readonly options: { readonly [field: string]: Option }
  readonly topic?: string
  /** What the decoder had before. */
  readonly after?: { readonly topic: string; readonly payload: string }
  /** Text, or bytes as `hex …` or `base64 …`. */
  readonly payload: string
}

const reading = 'ts BIGINT, measurement DOUBLE'
const instant = { schema: 'at TIMESTAMP_LTZ(3)', timestampFormat: 'RFC-3339' }
const sensor = '{"required":["id"],"properties":{"id":{"type":"integer"},"at":{"type":"string","format":"date-time"}}}'
const cbor = 'hex a2 61 74 f9 4d 60 62 69 64 1b 00 20 00 00 00 00 00 01'
const site = { format: 'json', topicPattern: 'plant/{site}' }

const press = {
  birth: { topic: 'spBv1.0/Plant/NBIRTH/Press', payload: 'base64 CMSJiYPTMBIMCgRGbG93EAEgA1AAGAA=' },
  data: { topic: 'spBv1.0/Plant/NDATA/Press', payload: 'base64 CKiMiYPTMBIIEAFQ9v///w8YAQ==' },
}

/** What the help of the row decoder shows; each way through it at least once. */
export const decoderExamples: readonly Example[] = [
  { options: { format: 'json-row', schema: reading }, payload: '{"ts":1729312551000,"measurement":"120","x":1}' },
  { options: { schema: reading }, payload: '{"ts":"x","measurement":120}' },
  { options: { schema: reading, ignoreParseErrors: true }, payload: '{"ts":"x","measurement":120}' },
  { options: { schema: reading }, payload: '{"ts":1}' },
  { options: { schema: reading, failOnMissingField: true }, payload: '{"ts":1}' },
  { options: { schema: reading, coerceNumbers: false }, payload: '{"ts":1,"measurement":"120"}' },
  { options: { schema: 'unit STRING NOT NULL', rejectEmptyText: true }, payload: '{"unit":""}' },
  {
    options: { schema: 'at TIMESTAMP(3)', timestampFormat: 'SQL' },
    payload: '{"at":"2024-10-19 04:35:51.500"}',
  },
  {
    options: { schema: 'at TIMESTAMP(3)', timestampFormat: 'ISO-8601' },
    payload: '{"at":"2024-10-19T04:35:51.500"}',
  },
  { options: instant, payload: '{"at":"2024-10-19T06:35:51.5+02:00"}' },
  { options: instant, payload: '{"at":1729312551000}' },
  { options: instant, payload: '{"at":1729312551}' },
  { options: { format: 'json-schema', schema: sensor }, payload: '{"id":9007199254740993,"x":1}' },
  { options: { format: 'json-schema', schema: sensor }, payload: '{"at":"noon"}' },
  { options: { format: 'json-row', schema: sensor }, payload: '{"id":9007199254740993,"x":1}' },
  { options: { format: 'json-schema', schema: '{"type":"string","pattern":"^[A-Z]+$"}' }, payload: 'RUN' },
  { options: { format: 'json' }, payload: '[9007199254740993,{"x":null}]' },
  { options: { format: 'cbor' }, payload: cbor },
  { options: { format: 'cbor', schema: 't STRING, unit STRING' }, payload: cbor },
  { options: { format: 'messagepack' }, payload: 'hex 82 a2 6f 6b c3 a1 62 c4 02 00 ff' },
  { options: { format: 'text' }, payload: '21,5 °C' },
  { options: { format: 'raw', binaryEncoding: 'none' }, payload: 'hex 00 ff 80 41 0a' },
  { options: { format: 'raw', binaryEncoding: 'wrap' }, payload: 'hex 00 ff 80 41 0a' },
  { options: { format: 'json', compression: 'gzip' }, payload: 'base64 H4sIAAAAAAAAA6tWKlGyMjLUM60FANf/3bkKAAAA' },
  { options: { format: 'json', compression: 'zlib' }, payload: 'base64 eJyrVipRsjIy1DOtBQAPIwKx' },
  { options: { format: 'json', compression: 'zstd' }, payload: 'base64 KLUv/SAKUQAAeyJ0IjoyMS41fQ==' },
  {
    options: { format: 'json', compression: 'gzip', maxUnpackedBytes: '1 KiB' },
    payload: 'base64 H4sIAAAAAAAAA+3BMQEAAADCoCrrn9IUfkABAAAAAG8DYCwLh4gTAAA=',
  },
  {
    options: { format: 'json', topicPattern: 'plant/{site}/{tag}' },
    topic: 'plant/SAF/flow',
    payload: '{"site":"SAF","value":1}',
  },
  { options: { format: 'json', topicPattern: 'plant/{path...}' }, topic: 'plant/SAF/flow', payload: '{"value":1}' },
  { options: { format: 'json', topicPattern: 'plant/{site}/{tag}' }, topic: 'plant/SAF', payload: '{"value":1}' },
  { options: { ...site, onMismatch: 'reject' }, topic: 'plant/SAF', payload: '{"site":"CMC"}' },
  { options: { ...site, onMismatch: 'warn' }, topic: 'plant/SAF', payload: '{"site":"CMC"}' },
  {
    options: { format: 'json', ignoredAttributes: [{ filter: 'plant/+', attributes: 'timestamp, meta.raw' }] },
    topic: 'plant/SAF',
    payload: '{"timestamp":1,"meta":{"raw":2,"unit":"m"}}',
  },
  { options: { format: 'sparkplug-b' }, ...press.birth },
  { options: { format: 'sparkplug-b', resolveAliases: true }, after: press.birth, ...press.data },
  { options: { format: 'sparkplug-b', resolveAliases: true }, ...press.data },
  { options: { format: 'sparkplug-b', resolveAliases: false }, ...press.data },
  { options: { format: 'sparkplug-b', requestRebirth: true }, ...press.data },
  {
    options: { format: 'sparkplug-b' },
    topic: 'spBv1.0/STATE/scada_1',
    payload: '{"online":true,"timestamp":1668114759262}',
  },
  { options: { format: 'sparkplug-b' }, topic: press.data.topic, payload: 'hex 08 c8 89 89' },
  { options: { format: 'json', onEmpty: 'auto' }, payload: '' },
  { options: { ...site, onEmpty: 'skip' }, topic: 'plant/SAF', payload: '' },
  { options: { format: 'json', onEmpty: 'reject' }, payload: '' },
]

const words = {
  'en-US': { on: 'on', off: 'off', nothing: 'nothing', skipped: 'skipped', after: 'after', output: 'output' },
  de: { on: 'an', off: 'aus', nothing: 'nichts', skipped: 'übersprungen', after: 'nach', output: 'Ausgang' },
}

/** One line of Markdown each: what is set, the payload, and what the decoder makes of it now. */
export function exampleLines(language: Language, catalogue: Texts): string {
  const texts = (catalogue['row-decoder'] as Texts).field as { readonly [field: string]: Texts }
  const word = words[language]
  const shown = (field: string, value: Option) => {
    if (typeof value === 'boolean') return value ? word.on : word.off
    if (typeof value !== 'string') return value.map((row) => Object.values(row).join(': ')).join('; ')
    const choices = texts[field]!.choice as { readonly [key: string]: string } | undefined
    return choices?.[choiceKey(value)] ?? value
  }
  const lines = decoderExamples.map((example) => {
    const options = Object.entries(example.options).map(
      ([field, value]) => `${String(texts[field]!.label)} = ${shown(field, value)}`,
    )
    const settings = example.topic === undefined ? options : [...options, `Topic = ${example.topic}`]
    const payload = example.payload === '' ? word.nothing : code(example.payload)
    const before = example.after ? ` (${word.after} ${code(example.after.topic)} ${code(example.after.payload)})` : ''
    const { result, command } = outcome(example)
    const requested = command === undefined ? '' : `, ${word.output} 3: ${code(command)}`
    const left = result === undefined ? word.skipped : code(result)
    return `- ${settings.map(code).join(', ')}: ${payload}${before} → ${left}${requested}`
  })
  return lines.join('\n')
}

const code = (text: string) => `\`${text}\``

const schemaOfText = (text: string) => (text.startsWith('{') ? parseJsonSchema(text) : parseRowSchema(text))

interface Outcome {
  /** The payload as JSON, the reason and the message, or undefined where it is skipped. */
  readonly result: string | undefined
  /** The topic of the request that leaves output 3. */
  readonly command?: string
}

function outcome({ options, topic = 't', payload, after }: Example): Outcome {
  const config = parseFields(declaration.fields, { ...options }).config!
  const commands: string[] = []
  const onTrouble = ({ commandTopic }: { readonly commandTopic: string }) => {
    if (config.requestRebirth) commands.push(commandTopic)
  }
  const sparkplug = new SparkplugDecoder(config.resolveAliases, { onTrouble })
  const decoder = createDecoder(config, schemaOfText, undefined, sparkplug)
  const decode = (one: { readonly topic: string; readonly payload: string }) =>
    decoder({ ...one, payload: bytesOf(one.payload), qos: 1, retain: false, dup: false, receivedAt: 0 })
  if (after) decode(after)
  try {
    const decoded = decode({ topic, payload })
    const [command] = commands
    return { result: decoded && shownPayload(decoded), ...(command === undefined ? {} : { command }) }
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error
    return { result: `${error.reason}: ${error.message}` }
  }
}

function bytesOf(payload: string): Buffer {
  const [, encoding, text = ''] = /^(hex|base64) (.*)$/.exec(payload) ?? []
  return encoding === undefined
    ? Buffer.from(payload)
    : Buffer.from(text.replaceAll(' ', ''), encoding as BufferEncoding)
}

function shownPayload({ payload }: Record): string {
  if (!(payload instanceof Uint8Array)) return toJson(payload)
  const digits = Buffer.from(payload).toString('hex')
  return `hex ${digits.replace(/..(?=.)/g, '$& ')}`
}
