import type { Admin, BaseOptions, Connection, Producer } from '@platformatic/kafka'
import type { Sasl } from './client.ts'

/** A broker that refuses a token says so in an answer that the library takes for a success. */
export function saslOptions(sasl: Sasl): NonNullable<BaseOptions['sasl']> {
  if (sasl.mechanism !== 'OAUTHBEARER') return sasl
  const { mechanism, token, extensions } = sasl
  return {
    mechanism,
    token,
    oauthBearerExtensions: extensions,
    authBytesValidator: (answer, callback) => {
      if (answer.length === 0) callback(null, answer)
      else callback(new Error(`The broker refuses the token: ${answer.toString()}`))
    },
  }
}

/** Errors reach us through rejected calls; an 'error' event nobody listens to would end the process. */
export function quiet<C extends Producer | Admin>(client: C): C {
  client.on('error', ignore)
  client.on('client:broker:connect', ({ connection }) => connection.on('error', ignore))
  client.on('client:broker:failed', ({ connection }) => connection.on('error', ignore))
  return client
}

const ignore = () => {}

/** The library's close waits for what is buffered, for ever when the network swallows it. */
export async function end(client: Producer | Admin): Promise<void> {
  const connections = [...client.connections].map(([, connection]) => connection)
  const closed = client.close().catch(ignore)
  for (const { socket } of connections) socket?.destroy()
  await closed
}

export async function disconnect(connection: Connection): Promise<void> {
  const closed = connection.close().catch(ignore)
  connection.socket?.destroy()
  await closed
}
