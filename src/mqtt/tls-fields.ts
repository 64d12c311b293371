import { choice, secret, text } from '../config/fields.ts'
import { sharedTlsFields, tlsFields, withTls } from '../config/tls-fields.ts'

const types = ['auto', 'PEM', 'PKCS12', 'JKS'] as const

/** TLS of a connection to a broker: PEM, and the stores of Java programs. */
export const brokerTlsFields = {
  ...tlsFields,
  checkServerIdentity: sharedTlsFields.checkServerIdentity,
  truststorePath: text({
    label: 'Trust store',
    note: 'The path of a PKCS12 or JKS store (.p12, .jks), or of a PEM file, with authorities to trust besides "CA certificate".',
    default: '',
    advanced: true,
    when: withTls,
  }),
  truststorePassword: secret({
    label: 'Trust store password',
    note: 'Stored encrypted, never in the flow file.',
    when: withTls,
  }),
  truststoreType: choice({
    label: 'Trust store type',
    note: '"auto" looks at how the file begins. With another one a file of another type is refused.',
    values: types,
    default: 'auto',
    advanced: true,
    when: withTls,
  }),
  keystorePath: text({
    label: 'Key store',
    note: 'The path of a PKCS12 or JKS store, or of a PEM file, with client certificate and key, in place of "Client certificate" and "Client key".',
    default: '',
    advanced: true,
    when: withTls,
  }),
  keystorePassword: sharedTlsFields.keystorePassword,
  keystoreType: choice({
    label: 'Key store type',
    note: '"auto" looks at how the file begins. With another one a file of another type is refused.',
    values: types,
    default: 'auto',
    advanced: true,
    when: withTls,
  }),
  keyPassword: secret({
    label: 'Key password',
    note: 'Of the key in the key store. Left empty: that of the store.',
    when: withTls,
  }),
  tlsMinVersion: choice({
    label: 'Oldest TLS',
    note: 'TLSv1 and TLSv1.1 are broken: only for brokers that cannot be renewed.',
    values: ['TLSv1.2', 'TLSv1.3', 'TLSv1.1', 'TLSv1'],
    default: 'TLSv1.2',
    advanced: true,
    when: withTls,
  }),
  tlsMaxVersion: choice({
    label: 'Newest TLS',
    note: 'Only for brokers that stumble over a newer one.',
    values: ['newest', 'TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1'],
    default: 'newest',
    advanced: true,
    when: withTls,
  }),
  ciphers: text({
    label: 'Ciphers',
    note: 'Which ciphers may be used, by their OpenSSL, IANA or Java names, with colons or commas between them. Left empty: those of Node.js.',
    default: '',
    placeholder: 'TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384',
    advanced: true,
    when: withTls,
  }),
  serverName: text({
    label: 'Server name',
    note: 'Which server is asked for (SNI), and which name its certificate must have. Left empty: "Broker".',
    default: '',
    advanced: true,
    when: withTls,
  }),
  alpn: text({
    label: 'ALPN',
    note: 'Which protocols are offered in the handshake, with commas between them. Some cloud brokers on port 443 want one.',
    default: '',
    advanced: true,
    when: withTls,
  }),
}
