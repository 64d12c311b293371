import { flag, secret, text } from './fields.ts'

const shown = { field: 'useTls', values: [true] } as const

/** Whether a value is a PEM itself and not the path of a file. */
export const isPem = (pathOrText: string) => pathOrText.includes('-----BEGIN')

export const privateKeyProblem = (pem: string) =>
  pem.includes('PRIVATE KEY-----') ? 'must not hold a private key: whoever exports the flow would have it' : undefined

/** TLS of a client, with one vocabulary in every config node. Certificates are PEM. */
export const tlsFields = {
  useTls: flag({ label: 'Use TLS', note: 'Encrypt the connection and check who the broker is.', default: false }),
  ca: text({
    label: 'CA certificate',
    note: 'PEM text or the path of a PEM file with the authority that signed the broker certificate. Left empty: those the system trusts.',
    default: '',
    when: shown,
    check: privateKeyProblem,
  }),
  cert: text({
    label: 'Client certificate',
    note: 'PEM text or the path of a PEM file, where the broker asks for one.',
    default: '',
    when: shown,
    check: privateKeyProblem,
  }),
  key: text({
    label: 'Client key',
    note: 'The path of the PEM file with its private key. Relative paths start at the Node-RED user directory.',
    default: '',
    when: shown,
    check: (key) =>
      isPem(key) ? 'must be the path of a file: whoever exports the flow would have the key' : undefined,
  }),
  passphrase: secret({ label: 'Key passphrase', note: 'Where the private key is encrypted.', when: shown }),
  rejectUnauthorized: flag({
    label: 'Verify certificate',
    note: 'Switch off only to try something out: anybody could then pose as the broker.',
    default: true,
    when: shown,
  }),
}
