import type { KafkaConfig, Mechanism } from 'kafkajs'
import type { Sasl } from './client.ts'

/** The library writes into it, so every session has its own. */
export function saslConfig(sasl: Sasl): NonNullable<KafkaConfig['sasl']> {
  if (sasl.mechanism === 'OAUTHBEARER') return bearer(sasl)
  const { username, password } = sasl
  if (sasl.mechanism === 'PLAIN') return { mechanism: 'plain', username, password }
  if (sasl.mechanism === 'SCRAM-SHA-256') return { mechanism: 'scram-sha-256', username, password }
  return { mechanism: 'scram-sha-512', username, password }
}

/** The library's own does not look at what the broker answers, and that is where it refuses a token (RFC 7628, 3.2.2). */
function bearer({ token, extensions }: Extract<Sasl, { mechanism: 'OAUTHBEARER' }>): Mechanism {
  const more = Object.entries(extensions).map(([name, value]) => `${name}=${value}\x01`)
  return {
    mechanism: 'OAUTHBEARER',
    authenticationProvider: ({ saslAuthenticate }) => ({
      authenticate: async () => {
        const value = await token().catch((error: unknown) => {
          throw brokenOff(error)
        })
        const hello = lengthPrefixed(`n,,\x01auth=Bearer ${value}\x01${more.join('')}\x01`)
        await saslAuthenticate({
          request: { encode: async () => hello },
          response: { decode: refusal, parse: () => undefined },
        })
      },
    }),
  }
}

/** By this name the library knows that the connection, which is in the middle of a sign-in, is of no use any more. */
const brokenOff = (cause: unknown) =>
  Object.assign(new Error('The sign-in was broken off', { cause }), { name: 'KafkaJSConnectionError', retriable: true })

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

async function refusal(answer: Buffer): Promise<Buffer> {
  if (answer.length <= 4) return answer
  const refused = new Error(`The broker refuses the token: ${answer.toString('utf8', 4)}`)
  throw brokenOff(Object.assign(refused, { name: 'KafkaJSSASLAuthenticationError' }))
}
