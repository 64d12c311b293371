import { bytes, type ConfigOf } from './fields.ts'

/** What Node-RED's settings.js may say under `rowline`: for all nodes together, and nothing that most would change. */
export const settingsFields = {
  memoryBytes: bytes({
    label: 'Memory',
    note: 'How much all nodes together may hold of readings that are on their way. Beyond it brokers are not read until some have been written. What Node-RED itself and the clients need comes on top.',
    default: 16 << 20,
    min: 1 << 20,
    max: 16 * (1 << 30),
  }),
}

export type Settings = ConfigOf<typeof settingsFields>
