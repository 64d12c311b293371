import { createRequire } from 'node:module'
import { SparkplugDecoder } from '../src/rows/sparkplug/decoder.ts'

type Run = (bytes: Uint8Array) => unknown

/** The part of the npm package `sparkplug-payload` that is compared with. */
interface Peer {
  encodePayload(payload: object): Uint8Array
  decodePayload(bytes: Uint8Array): unknown
}

const require = createRequire(import.meta.url)
const peer = (require('sparkplug-payload') as { get(namespace: string): Peer }).get('spBv1.0')

const types = ['Double', 'Float', 'Int32', 'Boolean', 'Int64', 'String'] as const
const at = 1671554024644

function metricValue(i: number, round: number): number | boolean | string {
  switch (types[i % types.length]) {
    case 'Double':
      return 20 + Math.sin(i + round) * 5
    case 'Float':
      return Math.round(2000 + Math.sin(i + round) * 100) / 100
    case 'Boolean':
      return (i + round) % 2 === 0
    case 'String':
      return `state ${(i + round) % 5}`
    default:
      return i % 4 === 0 ? i * 1000 + round : -i - round
  }
}

function payload(metrics: number, named: boolean, round: number): Buffer {
  const metric = (_: unknown, i: number) => ({
    ...(named ? { name: `Line ${i % 4}/Press ${i}/Value ${i}` } : {}),
    alias: i + 1,
    timestamp: at + round,
    type: types[i % types.length],
    value: metricValue(i, round),
  })
  return Buffer.from(
    peer.encodePayload({
      timestamp: at + round,
      metrics: Array.from({ length: metrics }, metric),
      seq: (round + 1) % 256,
    }),
  )
}

/** As many as there are sequence numbers. */
const payloads = (metrics: number, named: boolean) => Array.from({ length: 256 }, (_, i) => payload(metrics, named, i))

/** Messages of an edge node whose BIRTH is known, and the whole decoder: sequence, names of aliases, row. */
function rows(type: string, resolveAliases = true): Run {
  const decoder = new SparkplugDecoder(resolveAliases)
  const of = (name: string) => ({ topic: `spBv1.0/Plant/${name}/Line`, dup: false, retain: false })
  decoder.decode(payload(100, true, 0), of('NBIRTH'))
  const record = of(type)
  return (bytes) => decoder.decode(bytes, record)
}

const theirs: Run = (bytes) => peer.decodePayload(bytes)

export const sparkplugGroups: readonly (readonly [string, readonly Uint8Array[], { readonly [name: string]: Run }])[] =
  [
    ...[1, 5, 50].map((metrics) => {
      const ways = { 'sparkplug-payload': theirs, 'sparkplug-b': rows('NDATA'), 'without names': rows('NDATA', false) }
      return [`Sparkplug NDATA, ${metrics} metrics`, payloads(metrics, false), ways] as const
    }),
    [
      'Sparkplug NDATA by name, 50 metrics',
      payloads(50, true),
      { 'sparkplug-payload': theirs, 'sparkplug-b': rows('NDATA'), 'without names': rows('NDATA', false) },
    ],
    [
      'Sparkplug NBIRTH, 100 metrics',
      payloads(100, true),
      { 'sparkplug-payload': theirs, 'without names': rows('NBIRTH', false) },
    ],
  ]
