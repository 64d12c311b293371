import { createDecipheriv, createHash, createPrivateKey, type KeyObject, pbkdf2Sync } from 'node:crypto'
import { type Der, inside, integer, objectId, readDer } from './der.ts'
import type { KeyStore } from './jks.ts'

const DATA = '1.2.840.113549.1.7.1'
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6'
const BAGS = '1.2.840.113549.1.12.10.1.'
const PBES2 = '1.2.840.113549.1.5.13'
const PBE_SHA1_3DES = '1.2.840.113549.1.12.1.3'
const X509 = '1.2.840.113549.1.9.22.1'

const hashes: { readonly [oid: string]: string } = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const ciphers: { readonly [oid: string]: readonly [name: string, keyBytes: number] } = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
}

/** A store of type PKCS12 (RFC 7292) with a password. Where it has a key, its certificates are the client's chain. */
export function readPkcs12(bytes: Buffer, password: string, keyPassword: string): KeyStore {
  const [, authSafe] = inside(readDer(bytes)[0]!)
  const [, explicit] = inside(authSafe!)
  const safes = inside(readDer(inside(explicit!)[0]!.content)[0]!)
  const bags = safes.flatMap((safe) => inside(readDer(openSafe(safe, password))[0]!))
  const certificates: Buffer[] = []
  let key: KeyObject | undefined
  for (const bag of bags) {
    const [id, value] = inside(bag)
    const kind = objectId(id!).slice(BAGS.length)
    const [content] = inside(value!)
    if (kind === '3') certificates.push(...certificate(content!))
    else if (kind === '1') key ??= createPrivateKey({ key: content!.whole, format: 'der', type: 'pkcs8' })
    else if (kind === '2')
      key ??= createPrivateKey({ key: content!.whole, format: 'der', type: 'pkcs8', passphrase: keyPassword })
  }
  return key ? { authorities: [], key, chain: certificates } : { authorities: certificates, chain: [] }
}

function certificate(bag: Der): readonly Buffer[] {
  const [id, value] = inside(bag)
  return objectId(id!) === X509 ? [inside(value!)[0]!.content] : []
}

function openSafe(safe: Der, password: string): Buffer {
  const [type, explicit] = inside(safe)
  const [content] = inside(explicit!)
  if (objectId(type!) === DATA) return content!.content
  if (objectId(type!) !== ENCRYPTED_DATA) throw new Error('it is protected by a public key')
  const [, encrypted] = inside(content!)
  const [, algorithm, sealed] = inside(encrypted!)
  return decrypt(algorithm!, sealed!.content, password)
}

function decrypt(algorithm: Der, sealed: Buffer, password: string): Buffer {
  const [id, parameters] = inside(algorithm)
  const scheme = objectId(id!)
  if (scheme === PBES2) return decryptPbes2(parameters!, sealed, password)
  if (scheme === PBE_SHA1_3DES) {
    const [salt, iterations] = inside(parameters!)
    const derive = (purpose: number, length: number) =>
      derive12(password, salt!.content, integer(iterations!), purpose, length)
    return open('des-ede3-cbc', derive(1, 24), derive(2, 8), sealed)
  }
  throw new Error('its encryption is too old for this OpenSSL')
}

function decryptPbes2(parameters: Der, sealed: Buffer, password: string): Buffer {
  const [derivation, encryption] = inside(parameters)
  const [salt, iterations, ...further] = inside(inside(derivation!)[1]!)
  const prf = further.find(({ tag }) => tag === 0x30)
  const hash = prf ? hashes[objectId(inside(prf)[0]!)] : 'sha1'
  const [cipherId, iv] = inside(encryption!)
  const cipher = ciphers[objectId(cipherId!)]
  if (!hash || !cipher) throw new Error('its encryption is unknown here')
  const [name, keyBytes] = cipher
  return open(name, pbkdf2Sync(password, salt!.content, integer(iterations!), keyBytes, hash), iv!.content, sealed)
}

function open(cipher: string, key: Buffer, iv: Buffer, sealed: Buffer): Buffer {
  try {
    const decipher = createDecipheriv(cipher, key, iv)
    const plain = Buffer.concat([decipher.update(sealed), decipher.final()])
    readDer(plain)
    return plain
  } catch (error) {
    throw new Error('the password is wrong', { cause: error })
  }
}

/** How PKCS12 made keys before PBKDF2 (RFC 7292 appendix B.2), with SHA-1, whose blocks have 64 bytes. */
function derive12(password: string, salt: Buffer, iterations: number, purpose: number, length: number): Buffer {
  const block = 64
  const text = Buffer.from(`${password}\0`, 'utf16le').swap16()
  const filled = (bytes: Buffer) => Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes)
  const input = Buffer.concat([filled(salt), filled(text)])
  const output: Buffer[] = []
  for (let have = 0; have < length; have += 20) {
    let digest = createHash('sha1').update(Buffer.alloc(block, purpose)).update(input).digest()
    for (let i = 1; i < iterations; i++) digest = createHash('sha1').update(digest).digest()
    output.push(digest)
    const addend = Buffer.alloc(block, digest)
    for (let at = 0; at < input.length; at += block) addPlusOne(input.subarray(at, at + block), addend)
  }
  return Buffer.concat(output).subarray(0, length)
}

function addPlusOne(number: Buffer, addend: Buffer): void {
  let carry = 1
  for (let at = number.length - 1; at >= 0; at--) {
    carry += number[at]! + addend[at]!
    number[at] = carry & 0xff
    carry >>= 8
  }
}
