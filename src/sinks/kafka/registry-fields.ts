import {
  type ConfigOf,
  choice,
  type FieldProblem,
  fieldProblems,
  flag,
  node,
  secret,
  text,
} from '../../config/fields.ts'
import { privateKeyProblem } from '../../config/tls-fields.ts'
import type { Problem } from '../../core/problem.ts'
import { kafkaProblems } from './problems.ts'

const inRegistry = { field: 'valueFormat', values: ['json-schema'] } as const

/** What a value is, and the schema registry that knows its schema. */
export const registryFields = {
  valueFormat: choice({
    label: 'Value',
    note: '"plain": bytes and text as they are, rows as JSON. "json-schema": JSON behind the id of its schema in a schema registry, in the wire format of Confluent; what is no JSON goes to output 2.',
    values: ['plain', 'json-schema'],
    default: 'plain',
    advanced: true,
  }),
  schemaRegistryUrl: text({
    label: 'Schema registry',
    note: 'Its address. While it is away nothing is written that needs an id of it.',
    placeholder: 'https://192.168.1.20:8081',
    default: '',
    advanced: true,
    when: inRegistry,
    check: registryProblem,
  }),
  schemaRegistryUser: secret({
    label: 'Registry user',
    note: 'Left empty: the registry is asked without a name.',
    masked: false,
    advanced: true,
    when: inRegistry,
  }),
  schemaRegistryPassword: secret({
    label: 'Registry password',
    note: 'Stored encrypted, never in the flow file.',
    advanced: true,
    when: inRegistry,
  }),
  schemaRegistryToken: secret({
    label: 'Registry token',
    note: 'A bearer token in the place of user and password.',
    advanced: true,
    when: inRegistry,
  }),
  schemaRegistryCa: text({
    label: 'Registry CA',
    note: 'PEM text or the path of a PEM file with the authority that signed the certificate of the registry. Left empty: those the system trusts.',
    default: '',
    advanced: true,
    when: inRegistry,
    check: privateKeyProblem,
  }),
  subjectStrategy: choice({
    label: 'Subject from',
    note: 'Under which subject the schema stands: "topic" is <topic>-value, "record" the record name alone, "topic-record" <topic>-<record name>.',
    values: ['topic', 'record', 'topic-record'],
    default: 'topic',
    advanced: true,
    when: inRegistry,
  }),
  subject: text({
    label: 'Record name',
    note: 'Of the subject, and the title of a schema that is registered.',
    default: '',
    placeholder: 'plant.Reading',
    advanced: true,
    when: { field: 'subjectStrategy', values: ['record', 'topic-record'] },
  }),
  autoRegister: flag({
    label: 'Register the schema',
    note: 'Adds the schema to its subject where it is not there yet. Off: the subject must have one.',
    default: true,
    advanced: true,
    when: inRegistry,
  }),
  schema: node({
    label: 'Schema',
    note: 'What is registered: these columns as a JSON Schema. Take the schema that the row decoder uses.',
    nodeType: 'row-schema',
    optional: true,
    advanced: true,
    when: { field: 'autoRegister', values: [true] },
  }),
  schemaVersion: text({
    label: 'Schema version',
    note: 'Which version of the subject: latest, a number for exactly that one, or >=3 for the latest, which must be the third at least.',
    default: 'latest',
    advanced: true,
    when: { field: 'autoRegister', values: [false] },
    check: (version) => (/^(latest|(>=)?[1-9]\d{0,8})$/.test(version) ? undefined : kafkaProblems.of('version')),
  }),
}

export type RegistryConfig = ConfigOf<typeof registryFields>

/** What no field can see alone. */
export function checkRegistry(config: RegistryConfig): readonly FieldProblem[] {
  const { valueFormat, schemaRegistryUrl, subjectStrategy, subject, autoRegister, schema } = config
  if (valueFormat === 'plain') return []
  const required = (field: string, isMissing: boolean) =>
    isMissing ? [{ field, problem: fieldProblems.of('required') }] : []
  return [
    ...required('schemaRegistryUrl', schemaRegistryUrl === ''),
    ...required('subject', subjectStrategy !== 'topic' && subject === ''),
    ...required('schema', autoRegister && schema === ''),
  ]
}

function registryProblem(address: string): Problem | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) return kafkaProblems.of('registry')
  return url.username || url.password ? kafkaProblems.of('registryUser') : undefined
}
