import { type ConfigOf, choice, type FieldProblem, fieldProblems, secret, text } from '../config/fields.ts'
import type { Problem } from '../core/problem.ts'
import { isAddress, isUrl } from './addresses.ts'
import { credentialsProblem } from './credentials.ts'
import { googleProblems } from './problems.ts'

const whereIs = (mode: 'file' | 'inline') => ({ field: 'credentialsMode', values: [mode] }) as const

/** `google-cloud`: which project, and who we are there. */
export const googleFields = {
  projectId: text({
    label: 'Project',
    note: 'The id of the Google Cloud project, not its name or number.',
    placeholder: 'plant-data-4711',
    check: projectProblem,
  }),
  credentialsMode: choice({
    label: 'Sign in with',
    note: '"adc" takes what this machine is signed in with: GOOGLE_APPLICATION_CREDENTIALS, gcloud, or the service account it runs under. "file" reads a JSON file, "inline" keeps its text here, encrypted.',
    values: ['adc', 'file', 'inline'],
    default: 'adc',
  }),
  credentialsFile: text({
    label: 'Credentials file',
    note: 'The path of a JSON file from Google Cloud: a service account key, or a configuration for workload identity. Relative paths start at the Node-RED user directory.',
    default: '',
    placeholder: '/etc/rowline/key.json',
    when: whereIs('file'),
    check: (path) => (path.includes('{') ? googleProblems.of('path') : undefined),
  }),
  credentialsJson: secret({
    label: 'Credentials',
    note: 'The text of such a file. Stored encrypted, never in the flow file.',
    when: whereIs('inline'),
  }),
  impersonate: text({
    label: 'Act as',
    note: 'The e-mail of a service account that the one above may act as. Left empty: as itself.',
    default: '',
    placeholder: 'writer@plant-data-4711.iam.gserviceaccount.com',
    advanced: true,
    check: (email) => (/^[^@\s]+@[^@\s]+$/.test(email) ? undefined : googleProblems.of('email')),
  }),
  pubsubEmulator: text({
    label: 'Pub/Sub emulator',
    note: 'Its address, where readings go there and not to Google. Nobody signs in to an emulator.',
    default: '',
    placeholder: '127.0.0.1:8085',
    advanced: true,
    check: (address) => (isAddress(address) ? undefined : googleProblems.of('address', { example: '127.0.0.1:8085' })),
  }),
  bigqueryEmulator: text({
    label: 'BigQuery emulator',
    note: 'Its address for REST, where rows go there and not to Google.',
    default: '',
    placeholder: 'http://127.0.0.1:9050',
    advanced: true,
    check: (url) => (isUrl(url) ? undefined : googleProblems.of('address', { example: 'http://127.0.0.1:9050' })),
  }),
  bigqueryStorageEmulator: text({
    label: 'BigQuery storage emulator',
    note: 'Its address for gRPC, which the Storage Write API needs.',
    default: '',
    placeholder: '127.0.0.1:9060',
    advanced: true,
    check: (address) => (isAddress(address) ? undefined : googleProblems.of('address', { example: '127.0.0.1:9060' })),
  }),
}

export type GoogleConfig = ConfigOf<typeof googleFields>

/** What no field can see alone. */
export function checkGoogle(config: GoogleConfig): readonly FieldProblem[] {
  const { credentialsMode, credentialsFile, credentialsJson } = config
  if (credentialsMode === 'adc') return []
  const field = credentialsMode === 'file' ? 'credentialsFile' : 'credentialsJson'
  if ((credentialsMode === 'file' ? credentialsFile : credentialsJson) === '')
    return [{ field, problem: fieldProblems.of('required') }]
  const wrong = credentialsMode === 'inline' ? credentialsProblem(credentialsJson) : undefined
  return wrong === undefined ? [] : [{ field, problem: wrong }]
}

/** Google's own rule; projects of a domain are `example.com:id`. */
function projectProblem(id: string): Problem | undefined {
  return /^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(id) ? undefined : googleProblems.of('project')
}
