import { Problem } from '../core/problem.ts'
import { flag, secret, text } from './fields.ts'

/** When a field of TLS is shown. */
export const withTls = { field: 'useTls', values: [true] } as const

/** Whether a value is a PEM itself and not the path of a file. */
export const isPem = (pathOrText: string) => pathOrText.includes('-----BEGIN')

export const tlsProblems = Problem.area('tls', {
  privateKey: 'must not hold a private key: whoever exports the flow would have it',
  keyPath: 'must be the path of a file: whoever exports the flow would have the key',
})

export const privateKeyProblem = (pem: string) =>
  pem.includes('PRIVATE KEY-----') ? tlsProblems.of('privateKey') : undefined

/** TLS of a client, with one vocabulary in every config node. Certificates are PEM. */
export const tlsFields = {
  useTls: flag({ label: 'Use TLS', note: 'Encrypt the connection and check who the broker is.', default: false }),
  ca: text({
    label: 'CA certificate',
    note: 'PEM text or the path of a PEM file with the authority that signed the broker certificate. Left empty: those the system trusts.',
    default: '',
    when: withTls,
    check: privateKeyProblem,
  }),
  cert: text({
    label: 'Client certificate',
    note: 'PEM text or the path of a PEM file, where the broker asks for one.',
    default: '',
    when: withTls,
    check: privateKeyProblem,
  }),
  key: text({
    label: 'Client key',
    note: 'The path of the PEM file with its private key. Relative paths start at the Node-RED user directory.',
    default: '',
    when: withTls,
    check: (key) => (isPem(key) ? tlsProblems.of('keyPath') : undefined),
  }),
  passphrase: secret({ label: 'Key passphrase', note: 'Where the private key is encrypted.', when: withTls }),
  rejectUnauthorized: flag({
    label: 'Verify certificate',
    note: 'Switch off only to try something out: anybody could then pose as the broker.',
    default: true,
    when: withTls,
  }),
}

/** For the clients that can be told more: what means the same in each. */
export const sharedTlsFields = {
  checkServerIdentity: flag({
    label: 'Check name',
    note: 'Off: any certificate of the authority counts, also one with another name. Only for brokers that are reached by a name or address which their certificates do not have.',
    default: true,
    advanced: true,
    when: withTls,
  }),
  keystorePassword: secret({
    label: 'Key store password',
    note: 'Stored encrypted, never in the flow file.',
    when: withTls,
  }),
}
