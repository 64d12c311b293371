import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { inside, readDer } from './der.ts'

/** What a key store holds: certificates in DER, and the first private key with its own certificates. */
export interface KeyStore {
  readonly authorities: readonly Buffer[]
  readonly key?: KeyObject
  readonly chain: readonly Buffer[]
}

const DIGEST_BYTES = 20
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
const sha1 = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha1')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/**
 * A store of Java's old type JKS. Its entries are in the clear but for private keys; a digest over everything and the
 * password stands at the end. Throws where that does not match.
 */
export function readJks(bytes: Buffer, password: string, keyPassword: string): KeyStore {
  const [body, digest] = [bytes.subarray(0, -DIGEST_BYTES), bytes.subarray(-DIGEST_BYTES)]
  const expected = sha1(utf16(password), Buffer.from('Mighty Aphrodite'), body)
  if (password !== '' && !expected.equals(digest)) throw new Error('the password is wrong')
  const reader = new Reader(body)
  reader.skip(4)
  const version = reader.number()
  const store: { authorities: Buffer[]; key?: KeyObject; chain: readonly Buffer[] } = { authorities: [], chain: [] }
  for (let entries = reader.number(); entries > 0; entries--) {
    const kind = reader.number()
    reader.text()
    reader.skip(8)
    if (kind === 2) store.authorities.push(reader.certificate(version))
    else {
      const sealed = reader.bytes()
      const chain = Array.from({ length: reader.number() }, () => reader.certificate(version))
      if (store.key) continue
      store.key = createPrivateKey({ key: unseal(sealed, keyPassword), format: 'der', type: 'pkcs8' })
      store.chain = chain
    }
  }
  return store
}

/** Sun's own protection of keys: XOR with a chain of SHA-1 over password and salt, and a check at the end. */
function unseal(sealed: Buffer, password: string): Buffer {
  const content = inside(readDer(sealed)[0]!)[1]!.content
  const secret = utf16(password)
  const encrypted = content.subarray(DIGEST_BYTES, -DIGEST_BYTES)
  const plain = Buffer.alloc(encrypted.length)
  let pad = content.subarray(0, DIGEST_BYTES)
  for (let at = 0; at < plain.length; at++) {
    if (at % DIGEST_BYTES === 0) pad = sha1(secret, pad)
    plain[at] = encrypted[at]! ^ pad[at % DIGEST_BYTES]!
  }
  if (!sha1(secret, plain).equals(content.subarray(-DIGEST_BYTES))) throw new Error('the key password is wrong')
  return plain
}

/** Java's DataInput. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(length: number): void {
    this.#take(length)
  }

  number(): number {
    return this.#take(4).readUInt32BE(0)
  }

  bytes(): Buffer {
    return this.#take(this.number())
  }

  text(): string {
    return this.#take(this.#take(2).readUInt16BE(0)).toString('utf8')
  }

  certificate(version: number): Buffer {
    if (version === 2) this.text()
    return this.bytes()
  }

  #take(length: number): Buffer {
    const start = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) throw new Error('it ends too early')
    return this.#bytes.subarray(start, this.#at)
  }
}
