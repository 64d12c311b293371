import { createSecureContext } from 'node:tls'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { TlsOptions } from './client.ts'
import { type ClusterConfig, clusterFields } from './config.ts'

export interface Reading {
  /** Begins the messages of errors. */
  readonly target: string
  readonly pem: (pathOrText: string) => Promise<string>
  readonly file: (path: string) => Promise<Buffer>
}

/** Rejects with TARGET_TLS, naming the field, where OpenSSL does not take what is written there. */
export async function tlsOptions(cluster: ClusterConfig, { target, pem, file }: Reading): Promise<TlsOptions> {
  const { ca, ciphers, ecdhCurve, sigalgs, rejectUnauthorized, checkServerIdentity } = cluster
  const parts: { readonly [field in keyof ClusterConfig]?: Partial<TlsOptions> } = {
    ...(ca && { ca: { ca: await pem(ca) } }),
    ...(cluster.keystorePath ? await keyStore(cluster, file) : await certificate(cluster, pem)),
    ...(ciphers && { ciphers: { ciphers } }),
    ...(ecdhCurve && { ecdhCurve: { ecdhCurve } }),
    ...(sigalgs && { sigalgs: { sigalgs } }),
  }
  for (const [field, part] of Object.entries(parts)) check(target, field as keyof ClusterConfig, part)
  const named = checkServerIdentity ? {} : { checkServerIdentity: () => undefined }
  return Object.assign({ rejectUnauthorized, ...named }, ...Object.values(parts))
}

async function keyStore({ keystorePath, keystorePassword }: ClusterConfig, file: Reading['file']) {
  return { keystorePath: { pfx: await file(keystorePath), passphrase: keystorePassword } }
}

async function certificate({ cert, key, passphrase }: ClusterConfig, pem: Reading['pem']) {
  const own = { ...(cert && { cert: await pem(cert) }) }
  return { cert: own, ...(key && { key: { ...own, key: await pem(key), ...(passphrase && { passphrase }) } }) }
}

/** The libraries would say it in words of their own, or take it for an outage. */
function check(target: string, field: keyof ClusterConfig, part: Partial<TlsOptions>): void {
  try {
    createSecureContext(part)
  } catch (error) {
    const { reason } = error as { readonly reason?: unknown }
    const said = typeof reason === 'string' ? reason : messageOf(error)
    const problem = `${clusterFields[field].label}: ${/^error:0+:/.test(said) ? 'OpenSSL does not know it' : said}`
    throw new PipelineError('TARGET_TLS', { target, problem }, error)
  }
}
