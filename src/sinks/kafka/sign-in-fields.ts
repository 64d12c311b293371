import { choice, secret, text } from '../../config/fields.ts'
import { kafkaProblems } from './problems.ts'
import { extensionsProblem } from './token-extensions.ts'

const password = { field: 'saslMechanism', values: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] } as const
const token = { field: 'saslMechanism', values: ['OAUTHBEARER'] } as const

/** Who we are at a cluster that asks by SASL. */
export const signInFields = {
  saslMechanism: choice({
    label: 'Sign in with',
    note: '"PLAIN" sends user name and password; use it with TLS. "SCRAM" proves to know the password without sending it. "OAUTHBEARER" signs in with a token that a token server gives for a client id and secret. A client certificate needs none of them.',
    values: ['none', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'],
    default: 'none',
  }),
  user: secret({ label: 'User', note: 'The user name of the cluster.', masked: false, when: password }),
  password: secret({ label: 'Password', note: 'Stored encrypted, never in the flow file.', when: password }),
  tokenUrl: text({
    label: 'Token address',
    note: 'Where the token server gives tokens (OAuth 2 client credentials). Use https: the client secret is sent there. "CA certificate" below counts for it too.',
    default: '',
    placeholder: 'https://login.example.com/oauth2/token',
    when: token,
    check: (url) => (/^https?:\/\/[^\s/@]+(\/\S*)?$/.test(url) ? undefined : kafkaProblems.of('tokenUrl')),
  }),
  tokenClientId: secret({
    label: 'Token client id',
    note: 'Who we are for the token server.',
    masked: false,
    when: token,
  }),
  tokenClientSecret: secret({
    label: 'Token client secret',
    note: 'Stored encrypted, never in the flow file.',
    when: token,
  }),
  tokenScope: text({
    label: 'Token scope',
    note: 'What the token is asked for, where the token server wants to know: one or more names with spaces between them.',
    default: '',
    when: token,
  }),
  tokenExtensions: text({
    label: 'Token extensions',
    note: 'What the cluster wants to be told beside the token: names and values with commas between them.',
    default: '',
    placeholder: 'logicalCluster=lkc-1, identityPoolId=pool-2',
    advanced: true,
    when: token,
    check: extensionsProblem,
  }),
}
