import { Problem } from '../core/problem.ts'

/** What the import of settings may say about a value, beside what its field says. */
export const migrationProblems = Problem.area('migration', {
  address: 'must be one address like tcp://host:1883, ssl://host:8883 or wss://host/mqtt',
  filters: 'must be a table with a topic filter in each line',
  dictionary: 'must be a dictionary',
  tables: 'must be a list of tables',
  schemaType: 'cannot have the schema_type {type}: choose a format of the row decoder',
  jceks: 'cannot be JCEKS: convert it with keytool -importkeystore -deststoretype PKCS12',
  toml: 'cannot be read as TOML: {reason}',
})
