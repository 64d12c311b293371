import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isPem } from '../../config/tls-fields.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { KafkaClientOptions, Sasl } from './client.ts'
import type { ClusterConfig } from './config.ts'
import { nameOfCluster } from './errors.ts'
import { tlsOptions } from './tls-options.ts'
import { Tokens } from './token.ts'
import { parseExtensions } from './token-extensions.ts'

export interface Access {
  readonly tls: KafkaClientOptions['tls'] | undefined
  readonly sasl: Sasl | undefined
  /** What was got for signing in has been refused. */
  readonly forget: () => void
}

/** How to sign in. Files are read now; relative paths start at `directory`. Rejects with a PipelineError. */
export async function createAccess(cluster: ClusterConfig, directory: string): Promise<Access> {
  const target = nameOfCluster(cluster)
  const pem = (pathOrText: string) => readPem(pathOrText, directory, target)
  const file = (path: string) => readBytes(path, directory, target)
  const tls = cluster.useTls ? await tlsOptions(cluster, { target, pem, file }) : undefined
  const { saslMechanism: mechanism, user: username, password } = cluster
  if (mechanism === 'none') return { tls, sasl: undefined, forget: nothing }
  if (mechanism !== 'OAUTHBEARER') return { tls, sasl: { mechanism, username, password }, forget: nothing }
  const tokens = new Tokens({
    url: cluster.tokenUrl,
    clientId: cluster.tokenClientId,
    clientSecret: cluster.tokenClientSecret,
    scope: cluster.tokenScope,
    ca: cluster.ca === '' ? undefined : await pem(cluster.ca),
    // Well within the time that a connection has: else a slow token server would be taken for a slow broker.
    timeoutMs: Math.ceil(cluster.connectTimeoutMs / 2),
  })
  const extensions = parseExtensions(cluster.tokenExtensions)
  return { tls, sasl: { mechanism, token: () => tokens.current(), extensions }, forget: () => tokens.forget() }
}

const nothing = () => {}

/** Text that is PEM, or what a file holds. Rejects with TARGET_TLS, naming `target`. */
export async function readPem(pathOrText: string, directory: string, target: string): Promise<string> {
  return isPem(pathOrText) ? pathOrText : (await readBytes(pathOrText, directory, target)).toString()
}

async function readBytes(path: string, directory: string, target: string): Promise<Buffer> {
  return readFile(resolve(directory, path)).catch((error: unknown) => {
    throw new PipelineError('TARGET_TLS', { target, problem: messageOf(error) }, error)
  })
}
