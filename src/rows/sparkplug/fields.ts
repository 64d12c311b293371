import { flag } from '../../config/fields.ts'

export const sparkplug = 'sparkplug-b'

const when = { field: 'format', values: [sparkplug] } as const

/** What a `row-decoder` is asked about Sparkplug B. */
export const sparkplugFields = {
  resolveAliases: flag({
    label: 'Resolve aliases',
    note: 'A metric that comes with an alias gets the name and data type that the last BIRTH of its edge node or device gave it, also after a restart. A metric that no BIRTH names gets the name null.',
    default: true,
    when,
  }),
  requestRebirth: flag({
    label: 'Request rebirth',
    note: 'Asks an edge node for its BIRTH when a metric has no name or messages are missing, at most once a minute. The command leaves at output 3, which has to be wired to an MQTT output.',
    default: false,
    when,
  }),
}
