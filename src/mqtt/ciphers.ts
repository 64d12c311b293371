import { getCiphers } from 'node:tls'

const exchanges: { readonly [name: string]: string } = { RSA: '' }
const encryptions: readonly (readonly [iana: RegExp, openssl: string])[] = [
  [/^AES_(128|256)_CCM_8$/, 'AES$1-CCM8'],
  [/^(AES|ARIA|CAMELLIA)_(128|256)_(GCM|CCM)$/, '$1$2-$3'],
  [/^(AES|CAMELLIA)_(128|256)_CBC$/, '$1$2'],
  [/^3DES_EDE_CBC$/, 'DES-CBC3'],
  [/^CHACHA20_POLY1305$/, 'CHACHA20-POLY1305'],
]
const macs = /_(SHA256|SHA384|SHA|MD5)$/

/**
 * A list of ciphers as OpenSSL takes it, from OpenSSL, IANA and Java (JSSE) names, which are IANA's of their time.
 * Throws a sentence without its subject that names what this OpenSSL does not have.
 */
export function opensslCiphers(list: string): string {
  const known = new Set(getCiphers())
  const names = list.split(/[\s,:]+/).filter((name) => name !== '')
  return names
    .map((name) => {
      const translated = known.has(name.toLowerCase()) ? name : fromIana(name)
      if (!translated || !known.has(translated.toLowerCase())) throw new Error(`knows no cipher "${name}"`)
      return translated
    })
    .join(':')
}

function fromIana(name: string): string | undefined {
  const [, exchange, rest] = /^(?:TLS|SSL)_(.+)_WITH_(.+)$/.exec(name) ?? []
  if (exchange === undefined || rest === undefined) return undefined
  const mac = macs.exec(rest)?.[1]
  const encryption = mac === undefined ? rest : rest.slice(0, -mac.length - 1)
  const [pattern, replacement] = encryptions.find(([iana]) => iana.test(encryption)) ?? []
  if (!pattern || replacement === undefined) return undefined
  const cipher = encryption.replace(pattern, replacement)
  const withMac = mac === undefined || cipher.startsWith('CHACHA20') ? cipher : `${cipher}-${mac}`
  const prefix = exchanges[exchange] ?? exchange.replaceAll('_', '-')
  return prefix === '' ? withMac : `${prefix}-${withMac}`
}
