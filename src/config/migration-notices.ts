/** Why a setting has nothing to set here. The form has them in the user's language. */
export const notices = {
  target: 'The target is another one here: see the sink.',
  file: 'Paste what stands in that file.',
  poll: 'It is not needed: every reading is handed on as it comes.',
  noDelay: 'It is always on.',
  metrics: 'Metrics are at /rowline/metrics of Node-RED; metricsPort in settings.js gives them a port of their own.',
  provider: 'Node.js has one provider. For FIPS start it with --force-fips.',
  manager: 'It is a part of Java.',
  backlog: 'Outbox size and Outbox age limit what waits, in bytes and in time.',
  merging: 'Flows have no layers. Take a value from the environment by ${NAME}.',
  noSession: 'It says nothing with MQTT 5: see Session expiry.',
  finiteRetries:
    'An outage that is longer than these retries sends readings to output 2 or the dead letters. 0 repeats for ever.',
  schemasDiffer: 'The entries say different things: take a sink, or a route of the row decoder, for each.',
} as const

export type Notice = keyof typeof notices
