import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, runCommand } from './processes.ts'

/** PEM files of a throw-away authority, of a server on localhost and 127.0.0.1, and of a client named `client`. */
export interface Certificates {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly clientCertFile: string
  readonly clientKeyFile: string
  /** Contents of `caFile`. */
  readonly ca: string
}

/** Makes them in `directory` with the openssl command; the server has these names besides. */
export async function makeCertificates(directory: string, names: readonly string[] = []): Promise<Certificates> {
  const path = (name: string) => join(directory, name)
  const openssl = (...args: string[]) => runCommand(findProgram('openssl', 'openssl'), args)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const caFile = path('ca.pem')
  const caKey = path('ca.key')
  const authority = ['-x509', '-days', '2', '-subj', '/CN=Rowline test authority']
  await openssl('req', ...authority, ...newKey, '-keyout', caKey, '-out', caFile)
  const sign = async (name: string, extensions: string) => {
    const request = path(`${name}.csr`)
    const extensionFile = path(`${name}.ext`)
    writeFileSync(extensionFile, extensions)
    await openssl('req', '-subj', `/CN=${name}`, ...newKey, '-keyout', path(`${name}.key`), '-out', request)
    const issuer = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', extensionFile]
    await openssl('x509', '-req', '-in', request, ...issuer, '-out', path(`${name}.pem`))
  }
  const all = ['DNS:localhost', 'IP:127.0.0.1', ...names.map((name) => `DNS:${name}`)]
  await sign('localhost', `subjectAltName=${all.join()}\n`)
  await sign('client', 'extendedKeyUsage=clientAuth\n')
  return {
    caFile,
    certFile: path('localhost.pem'),
    keyFile: path('localhost.key'),
    clientCertFile: path('client.pem'),
    clientKeyFile: path('client.key'),
    ca: readFileSync(caFile, 'utf8'),
  }
}
