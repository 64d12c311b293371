import { choice, type Field } from './fields.ts'

/** Whether a node says of each reading what has become of it. `what`: when it does. */
export const logLevelField = (what: string): Field<'info' | 'debug'> =>
  choice({
    label: 'Log',
    note: `"info" says what an operator has to know. "debug" also writes a line for each reading ${what}: its topic and route and what has become of it, nothing of its payload. That costs CPU time and fills logs: only to look for something.`,
    values: ['info', 'debug'],
    default: 'info',
    advanced: true,
  })
