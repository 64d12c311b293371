import type { Meaning } from './option.ts'
import { migrationProblems } from './problems.ts'

const schemes: { readonly [scheme: string]: readonly [protocol: string, useTls: string] } = {
  tcp: ['tcp', 'false'],
  mqtt: ['tcp', 'false'],
  ssl: ['tcp', 'true'],
  tls: ['tcp', 'true'],
  mqtts: ['tcp', 'true'],
  ws: ['ws', 'false'],
  wss: ['ws', 'true'],
}

/** `tcp://host:1883`, `wss://host/mqtt`, or host and port alone. */
export function readBrokerUrl(url: string): Meaning {
  const [, scheme, host, port, path] = /^(?:(\w+):\/\/)?(\[[^\]]+\]|[^:/\s,]+)(?::(\d+))?(\/\S*)?$/.exec(url) ?? []
  const [protocol, useTls] = schemes[scheme?.toLowerCase() ?? ''] ?? []
  if (host === undefined || (scheme !== undefined && protocol === undefined)) return migrationProblems.of('address')
  const set = {
    'mqtt-v3-source.host': host.replace(/^\[|\]$/g, ''),
    ...(port === undefined ? {} : { 'mqtt-v3-source.port': port }),
    ...(protocol === undefined ? {} : { 'mqtt-v3-source.protocol': protocol }),
    ...(useTls === undefined ? {} : { 'mqtt-v3-source.useTls': useTls }),
    ...(protocol === 'ws' && path !== undefined ? { 'mqtt-v3-source.wsPath': path } : {}),
  }
  return { set }
}
