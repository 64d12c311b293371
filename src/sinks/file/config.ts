import { bytes, type ConfigOf, choice, duration, type FieldProblem, text } from '../../config/fields.ts'
import { runnerFields } from '../../config/sink-fields.ts'
import { Problem } from '../../core/problem.ts'

export const fileProblems = Problem.area('file', {
  overDisk: 'must not be more than the disk limit',
  overFile: 'must not be more than the file size',
})

/** `file-sink`: lines of JSON on the local disk. */
export const sinkFields = {
  path: text({
    label: 'File',
    note: 'Where the lines go. A relative path starts at the Node-RED user directory; missing directories are made.',
    default: 'rowline/rows.ndjson',
  }),
  content: choice({
    label: 'Line',
    note: '"payload" writes the row alone. "record" writes it with topic, QoS, time and route.',
    values: ['payload', 'record'],
    default: 'payload',
  }),
  maxFileBytes: bytes({
    label: 'File size',
    note: 'A file that would grow over this is finished: it is renamed (rows.2030-01-31T12-00-00-000Z.ndjson) and a new one begins.',
    default: 64 << 20,
    min: 1024,
    max: 64 * (1 << 30),
    advanced: true,
  }),
  maxFileAgeMs: duration({
    label: 'File age',
    note: 'A file older than this is finished with the next line. 0: only its size counts.',
    default: 0,
    min: 0,
    max: 366 * 86_400_000,
    advanced: true,
  }),
  maxTotalBytes: bytes({
    label: 'Disk limit',
    note: 'Most bytes of all these files together.',
    default: 1 << 30,
    min: 1024,
    max: 64 * (1 << 30) * 1024,
    advanced: true,
  }),
  whenFull: choice({
    label: 'When the limit is reached',
    note: '"block" stops writing until there is room; nothing is acknowledged meanwhile. "drop-oldest" deletes the oldest file and says how many lines that were.',
    values: ['block', 'drop-oldest'],
    default: 'block',
    advanced: true,
  }),
  ...runnerFields({ batchRecords: 1000, batchBytes: 1 << 20, lingerMs: 5, delivery: 'confirm' }),
}

export type FileSinkConfig = ConfigOf<typeof sinkFields>

/** What no field can see alone. */
export function checkFileSink(config: FileSinkConfig): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  if (config.maxFileBytes > config.maxTotalBytes)
    problems.push({ field: 'maxFileBytes', problem: fileProblems.of('overDisk') })
  if (config.batchBytes > config.maxFileBytes)
    problems.push({ field: 'batchBytes', problem: fileProblems.of('overFile') })
  return problems
}
