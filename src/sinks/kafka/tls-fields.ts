import { flag, secret, text } from '../../config/fields.ts'

const shown = { field: 'useTls', values: [true] } as const

/** What librdkafka and Java clients can be told of TLS beyond the usual. */
export const moreTlsFields = {
  checkServerIdentity: flag({
    label: 'Check name',
    note: 'Off: any certificate of the authority counts, also one with another name. Only for brokers that are reached by a name or address which their certificates do not have.',
    default: true,
    advanced: true,
    when: shown,
  }),
  keystorePath: text({
    label: 'Key store',
    note: 'The path of a PKCS12 file (.p12, .pfx) with client certificate and key, in place of "Client certificate" and "Client key".',
    default: '',
    advanced: true,
    when: shown,
  }),
  keystorePassword: secret({
    label: 'Key store password',
    note: 'Stored encrypted, never in the flow file.',
    when: shown,
  }),
  ciphers: text({
    label: 'Ciphers',
    note: 'Which ciphers may be used, by their OpenSSL names with colons between them. Left empty: those of Node.js.',
    default: '',
    placeholder: 'TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384',
    advanced: true,
    when: shown,
  }),
  ecdhCurve: text({
    label: 'Curves',
    note: 'Which curves may be used to agree on a key, with colons between them. Left empty: those of Node.js.',
    default: '',
    placeholder: 'X25519:P-256',
    advanced: true,
    when: shown,
  }),
  sigalgs: text({
    label: 'Signature algorithms',
    note: 'With which algorithms certificates and handshakes may be signed, with colons between them. Left empty: those of Node.js.',
    default: '',
    placeholder: 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256',
    advanced: true,
    when: shown,
  }),
}
