import { readFileSync } from 'node:fs'
import { messageOf } from '../core/errors.ts'
import { type KeyStore, readJks } from './jks.ts'
import { readPkcs12 } from './pkcs12.ts'

export type StoreType = 'auto' | 'PEM' | 'PKCS12' | 'JKS'

export interface StoreOptions {
  readonly path: string
  readonly password: string
  readonly type: StoreType
  /** '': that of the store. */
  readonly keyPassword?: string
}

/** PEM texts for node:tls. */
export interface Pems {
  readonly authorities: readonly string[]
  readonly key: string | undefined
  readonly chain: string
}

const CONVERT = 'convert it with "keytool -importkeystore -deststoretype PKCS12"'

/** Reads a store anew. Throws an error that names the file, and never a password. */
export function readStore({ path, password, type, keyPassword = '' }: StoreOptions): Pems {
  try {
    const bytes = readFileSync(path)
    const found = typeOf(bytes)
    if (type !== 'auto' && type !== found) throw new Error(`it is of the type ${found}, not ${type}`)
    const secret = keyPassword === '' ? password : keyPassword
    if (found === 'PEM') return fromPem(bytes.toString('utf8'))
    return toPems(found === 'JKS' ? readJks(bytes, password, secret) : readPkcs12(bytes, password, secret))
  } catch (error) {
    throw new Error(`${path}: ${said(error)}`, { cause: error })
  }
}

function typeOf(bytes: Buffer): Exclude<StoreType, 'auto'> {
  const magic = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0
  if (magic === 0xfeedfeed) return 'JKS'
  if (magic === 0xcececece) throw new Error(`it is of the type JCEKS: ${CONVERT}`)
  if (bytes.includes('-----BEGIN')) return 'PEM'
  if (bytes[0] === 0x30) return 'PKCS12'
  throw new Error(`it is neither PEM nor PKCS12 nor JKS: ${CONVERT}`)
}

/** What OpenSSL says of a key that it cannot decrypt helps nobody. */
function said(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  if (/^ERR_(OSSL|CRYPTO)/.test(String(code))) return 'the password of the key is wrong, or its encryption is too old'
  return messageOf(error) === 'no DER' ? 'it is damaged, or no key store' : messageOf(error)
}

function fromPem(text: string): Pems {
  const parts = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g) ?? []
  const certificates = parts.filter((part) => part.includes('CERTIFICATE-----'))
  const key = parts.find((part) => part.includes('PRIVATE KEY-----'))
  return { authorities: certificates, key, chain: certificates.join('\n') }
}

function toPems({ authorities, key, chain }: KeyStore): Pems {
  return {
    authorities: authorities.map(pem),
    key: key?.export({ type: 'pkcs8', format: 'pem' }) as string | undefined,
    chain: chain.map(pem).join('\n'),
  }
}

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----`
