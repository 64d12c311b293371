import { text } from '../../config/fields.ts'
import { sharedTlsFields, withTls } from '../../config/tls-fields.ts'

/** What librdkafka and Java clients can be told of TLS beyond the usual. */
export const moreTlsFields = {
  checkServerIdentity: sharedTlsFields.checkServerIdentity,
  keystorePath: text({
    label: 'Key store',
    note: 'The path of a PKCS12 file (.p12, .pfx) with client certificate and key, in place of "Client certificate" and "Client key".',
    default: '',
    advanced: true,
    when: withTls,
  }),
  keystorePassword: sharedTlsFields.keystorePassword,
  ciphers: text({
    label: 'Ciphers',
    note: 'Which ciphers may be used, by their OpenSSL names with colons between them. Left empty: those of Node.js.',
    default: '',
    placeholder: 'TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384',
    advanced: true,
    when: withTls,
  }),
  ecdhCurve: text({
    label: 'Curves',
    note: 'Which curves may be used to agree on a key, with colons between them. Left empty: those of Node.js.',
    default: '',
    placeholder: 'X25519:P-256',
    advanced: true,
    when: withTls,
  }),
  sigalgs: text({
    label: 'Signature algorithms',
    note: 'With which algorithms certificates and handshakes may be signed, with colons between them. Left empty: those of Node.js.',
    default: '',
    placeholder: 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256',
    advanced: true,
    when: withTls,
  }),
}
