import { bytes, type ConfigOf, duration, integer, text } from './fields.ts'

/** What Node-RED's settings.js may say under `rowline`: for all nodes together, and nothing that most would change. */
export const settingsFields = {
  memoryBytes: bytes({
    label: 'Memory',
    note: 'How much all nodes together may hold of readings that are on their way. Beyond it brokers are not read until some have been written, whatever Window bytes of the sources says. What Node-RED itself and the clients need comes on top.',
    default: 16 << 20,
    min: 1 << 20,
    max: 16 * (1 << 30),
  }),
  deadLetterBytes: bytes({
    label: 'Dead letters',
    note: 'Most bytes of stored dead letters per node. Then the node is red and holds what is rejected until somebody has moved finished files away. Should be more than twice the Largest packet of the sources.',
    default: 1 << 30,
    min: 16 << 20,
    max: 16 * (1 << 30),
  }),
  maxUnconfirmedAgeMs: duration({
    label: 'Unhealthy after',
    note: 'How long a reading may wait for its target before /rowline/health says 503 and rowline_health is 0.',
    default: 300_000,
    min: 1000,
    max: 2_592_000_000,
  }),
  metricsPort: integer({
    label: 'Metrics port',
    note: 'A port of their own for /rowline/metrics, /rowline/rows and /rowline/health. 0: on the server of Node-RED.',
    default: 0,
    min: 0,
    max: 65_535,
  }),
  metricsHost: text({
    label: 'Metrics host',
    note: 'The address of this machine at which that port listens; 0.0.0.0 for all of them. Left empty: that of Node-RED (uiHost).',
    default: '',
  }),
  metricsToken: text({
    label: 'Metrics token',
    note: 'Who reads them must send it as "Authorization: Bearer …". Left empty: everybody who reaches the port may, or, on the server of Node-RED, whom httpNodeAuth lets in.',
    default: '',
  }),
}

export type Settings = ConfigOf<typeof settingsFields>
