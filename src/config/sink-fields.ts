import { namesProblem } from './environment-gate.ts'
import { bytes, choice, duration, integer, text } from './fields.ts'
import { logLevelField } from './log-field.ts'

interface Defaults {
  readonly batchRecords: number
  readonly batchBytes: number
  readonly lingerMs: number
  readonly delivery: 'outbox' | 'confirm'
}

const outbox = { field: 'delivery', values: ['outbox'] } as const

/** Delivery, batching and retry, with one vocabulary in every sink. The runners of core and outbox act on them. */
export function runnerFields(defaults: Defaults) {
  return {
    delivery: choice({
      label: 'Delivery',
      note: '"outbox" is done with a reading when it is safe on the local disk, and forwards it in the background: an outage of hours holds nothing up. "confirm" is done when the target has confirmed it; until then the reading stays with the broker.',
      values: ['outbox', 'confirm'],
      default: defaults.delivery,
    }),
    outboxMaxBytes: bytes({
      label: 'Outbox size',
      note: 'Most bytes on the local disk that wait for the target.',
      default: 1 << 30,
      min: 1 << 20,
      max: 1024 * (1 << 30),
      advanced: true,
      when: outbox,
    }),
    outboxMaxAgeMs: duration({
      label: 'Outbox age',
      note: 'How long a reading may wait for the target before the outbox counts as full. 0: for ever.',
      default: 0,
      min: 0,
      max: 3650 * 86_400_000,
      advanced: true,
      when: outbox,
    }),
    outboxWhenFull: choice({
      label: 'When the outbox is full',
      note: '"block" takes nothing more until there is room; the broker keeps the rest. "drop-oldest" deletes the oldest readings and says how many.',
      values: ['block', 'drop-oldest'],
      default: 'block',
      advanced: true,
      when: outbox,
    }),
    outboxPath: text({
      label: 'Outbox folder',
      note: 'Left empty: rowline/outbox/<node id> in the Node-RED user directory.',
      default: '',
      advanced: true,
      when: outbox,
    }),
    forwardPerSecond: integer({
      label: 'Forward per second',
      note: 'Most readings sent to the target in a second, so that a target that comes back is not flooded. 0: as fast as it takes them.',
      default: 0,
      min: 0,
      max: 1_000_000,
      advanced: true,
      when: outbox,
    }),
    batchRecords: integer({
      label: 'Batch records',
      note: 'Most records written together.',
      default: defaults.batchRecords,
      min: 1,
      max: 100_000,
      advanced: true,
    }),
    batchBytes: bytes({
      label: 'Batch bytes',
      note: 'Most bytes written together.',
      default: defaults.batchBytes,
      min: 1,
      max: 64 << 20,
      advanced: true,
    }),
    lingerMs: duration({
      label: 'Linger',
      note: 'How long a batch that is not full waits for more records. 0 writes at once.',
      default: defaults.lingerMs,
      min: 0,
      max: 60_000,
      advanced: true,
    }),
    maxRetries: integer({
      label: 'Retries',
      note: 'How often a failed write is repeated before its records go to output 2. 0 repeats for ever, which is what keeps readings safe through an outage.',
      default: 0,
      min: 0,
      max: 1_000_000,
      advanced: true,
    }),
    onError: choice({
      label: 'When a write fails',
      note: '"retry" writes again, for ever or as often as said above. "dead-letter" sends the readings to output 2 at once. "stop" turns red and holds everything until the next deploy, whatever the reason. With the other two, wrong passwords, missing rights and missing topics are held until somebody has put them right.',
      values: ['retry', 'dead-letter', 'stop'],
      default: 'retry',
      advanced: true,
    }),
    retryBackoffMs: duration({
      label: 'First retry after',
      note: 'The wait before the first retry. It doubles with every further one; each wait is varied by half up and down.',
      default: 1000,
      min: 1,
      max: 600_000,
      advanced: true,
    }),
    maxRetryBackoffMs: duration({
      label: 'Longest retry wait',
      note: 'The wait between retries grows up to this, varied like the others by half up and down.',
      default: 30_000,
      min: 1,
      max: 3_600_000,
      advanced: true,
    }),
    environment: text({
      label: 'Environment',
      note: 'Where this Node-RED runs, for example ${APP_ENV}: decides whether anything is written. A variable that is not set, and a name that stands in neither list below, turn the node red: nothing is written or acknowledged. Left empty: always written.',
      default: '',
      filled: true,
      placeholder: '${APP_ENV}',
      advanced: true,
    }),
    enabledIn: text({
      label: 'Write in',
      note: 'The environments in which readings are written, separated by commas.',
      default: 'DEV,PPRD,PRD',
      advanced: true,
      check: namesProblem,
    }),
    dryRunIn: text({
      label: 'Only log in',
      note: 'The environments in which each reading is logged and acknowledged, and nothing is written.',
      default: 'LOCAL',
      blank: true,
      advanced: true,
      check: namesProblem,
    }),
    logLevel: logLevelField('that it is done with'),
  }
}
