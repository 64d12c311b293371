import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseFields } from '../../src/config/fields.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { connectionOptions } from '../../src/mqtt/connection-options.ts'
import { readStore } from '../../src/mqtt/keystores.ts'
import { makeCertificates } from '../services/certificates.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { findProgram, runCommand, temporaryDirectory, until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { startTlsFront } from '../services/tls-front.ts'
import { Collector, connect, connected, failure, options } from './harness.ts'

const directory = temporaryDirectory('stores')
after(() => rmSync(directory, { recursive: true }))
const certificates = await makeCertificates(directory)
const path = (name: string) => join(directory, name)
const keytool = (...args: string[]) => runCommand(findProgram('keytool', 'default-jre-headless'), args)
const openssl = (...args: string[]) => runCommand(findProgram('openssl', 'openssl'), args)

const store = 'store-secret'
const keySecret = 'key-secret'
const trusting = ['-importcert', '-noprompt', '-alias', 'ca', '-file', certificates.caFile, '-storepass', store]
const exporting = ['pkcs12', '-export', '-inkey', certificates.clientKeyFile, '-in', certificates.clientCertFile]
await keytool(...trusting, '-storetype', 'JKS', '-keystore', path('trust.jks'))
await keytool(...trusting, '-storetype', 'PKCS12', '-keystore', path('trust.p12'))
await keytool(...trusting, '-storetype', 'JCEKS', '-keystore', path('trust.jceks'))
await openssl(...exporting, '-passout', `pass:${store}`, '-out', path('client.p12'))
const old = ['-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']
await openssl(...exporting, ...old, '-passout', `pass:${store}`, '-out', path('old.p12'))
const source = ['-srckeystore', path('client.p12'), '-srcstoretype', 'PKCS12', '-srcstorepass', store, '-srcalias', '1']
const target = ['-destkeystore', path('client.jks'), '-deststoretype', 'JKS', '-deststorepass', store]
await keytool('-importkeystore', ...source, ...target, '-destkeypass', keySecret)
writeFileSync(
  path('client.pem'),
  readFileSync(certificates.clientCertFile, 'utf8') + readFileSync(certificates.clientKeyFile, 'utf8'),
)

/** A connection as the form makes it. */
function secure(port: number, values: object, host = '127.0.0.1') {
  const raw = { host, port, useTls: true, ...values }
  const { config, problems } = parseFields(sourceFields, raw)
  assert.deepEqual(problems, [])
  const { socket } = connectionOptions(config!, 'x', directory)
  return options(0, { socket })
}
const open = (port: number, values: object, host?: string) => connect(secure(port, values, host), new Collector(['c']))

const trust = { truststorePath: 'trust.jks', truststorePassword: store }
const clientKey = { keystorePath: 'client.jks', keystorePassword: store, keyPassword: keySecret }

test('A7: trust stores and key stores of every type connect to a mosquitto that asks for a certificate', async () => {
  await using mosquitto = await startMosquitto({ tls: true, dir: temporaryDirectory('mosquitto') })
  await using front = await startTlsFront(mosquitto.port, {
    ca: certificates.ca,
    cert: readFileSync(certificates.certFile),
    key: readFileSync(certificates.keyFile),
    requestCert: true,
    rejectUnauthorized: true,
  })
  const trusts = [
    trust,
    { truststorePath: 'trust.p12', truststorePassword: store },
    { truststorePath: certificates.caFile },
    { truststorePath: 'trust.p12', truststorePassword: store, truststoreType: 'PKCS12' },
  ]
  const keys = [
    clientKey,
    { keystorePath: 'client.p12', keystorePassword: store },
    { keystorePath: 'old.p12', keystorePassword: store, keystoreType: 'PKCS12' },
    { keystorePath: 'client.pem' },
  ]
  for (const [i, key] of keys.entries()) {
    await using own = open(front.port, { ...trusts[i], ...key })
    await connected(own.connection)
    assert.equal(front.handshakes.at(-1)!.client, 'client')
  }
})

test('A7: a wrong password, a wrong type and a store of another kind are red, name the file and show no password', async () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ ...trust, truststorePassword: 'other' }, /trust\.jks: the password is wrong/],
    [{ truststorePath: 'trust.p12', truststorePassword: 'other' }, /trust\.p12: the password is wrong/],
    [{ ...trust, ...clientKey, keystorePassword: 'other' }, /client\.jks: the password is wrong/],
    [{ ...trust, ...clientKey, keyPassword: 'other' }, /client\.jks: the key password is wrong/],
    [{ ...trust, ...clientKey, keyPassword: '' }, /client\.jks: the key password is wrong/],
    [{ keystorePath: 'client.p12', keystorePassword: 'other' }, /client\.p12: the password/],
    [{ ...trust, truststoreType: 'PKCS12' }, /trust\.jks: it is of the type JKS, not PKCS12/],
    [{ ...trust, ...clientKey, keystoreType: 'PEM' }, /client\.jks: it is of the type JKS, not PEM/],
    [
      { truststorePath: 'trust.jceks', truststorePassword: store },
      /JCEKS: convert it with "keytool -importkeystore -deststoretype PKCS12"/,
    ],
    [{ ...trust, keystorePath: 'trust.p12', keystorePassword: store }, /trust\.p12: it has no private key/],
    [{ truststorePath: 'client.p12', truststorePassword: store }, /client\.p12: it has no certificates to trust/],
    [{ truststorePath: 'nowhere.jks' }, /nowhere\.jks/],
  ]
  for (const [values, expected] of wrong) {
    await using own = open(1, values)
    const { code, disposition, message } = await failure(own)
    assert.deepEqual([code, disposition], ['BROKER_TLS', 'config'], message)
    assert.match(message, expected)
    assert.doesNotMatch(message, /secret/)
  }
})

test('a key file that is encrypted is used with its passphrase, and with another one it is red', async () => {
  const sealed = path('sealed.key')
  await using mosquitto = await startMosquitto({ tls: true, conf: ['require_certificate true'] })
  const { caFile, clientCertFile, clientKeyFile } = mosquitto.certificates!
  await openssl('pkcs8', '-topk8', '-in', clientKeyFile, '-passout', 'pass:sesame', '-out', sealed)
  const files = { ca: caFile, cert: clientCertFile, key: sealed }
  await using right = open(mosquitto.tlsPort, { ...files, passphrase: 'sesame' })
  await connected(right.connection)
  await using wrong = open(mosquitto.tlsPort, { ...files, passphrase: 'mellon' })
  assert.equal((await failure(wrong)).code, 'BROKER_TLS')
})

test('stores that are cut or changed anywhere give an error that names them, and nothing else', () => {
  const files = ['trust.jks', 'client.jks', 'trust.p12', 'client.p12']
  for (const name of files) {
    const bytes = readFileSync(path(name))
    const damaged = path(`damaged-${name}`)
    for (let i = 0; i < 60; i++) {
      const at = Math.floor((bytes.length * i) / 60)
      const changed =
        i % 2 ? bytes.subarray(0, at) : Buffer.concat([bytes.subarray(0, at), randomBytes(1), bytes.subarray(at + 1)])
      writeFileSync(damaged, changed)
      try {
        readStore({ path: damaged, password: store, type: 'auto', keyPassword: name === 'client.jks' ? keySecret : '' })
      } catch (error) {
        assert.ok((error as Error).message.startsWith(`${damaged}: `), String(error))
      }
    }
  }
})

test('versions, ciphers, server name and ALPN are those of the form', async () => {
  await using mosquitto = await startMosquitto()
  const server = {
    cert: readFileSync(certificates.certFile),
    key: readFileSync(certificates.keyFile),
    ALPNProtocols: ['mqtt', 'x-amzn-mqtt-ca'],
  }
  await using any = await startTlsFront(mosquitto.port, server)
  await using only12 = await startTlsFront(mosquitto.port, { ...server, maxVersion: 'TLSv1.2' })
  const agreed = async (values: object, host?: string) => {
    await using own = open(any.port, { ...trust, ...values }, host)
    await connected(own.connection)
    return any.handshakes.at(-1)!
  }
  assert.deepEqual(await agreed({}), {
    ...(await agreed({})),
    protocol: 'TLSv1.3',
    serverName: false,
    alpn: false,
  })
  assert.equal((await agreed({ tlsMaxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2')
  assert.equal((await agreed({}, 'localhost')).serverName, 'localhost')
  assert.equal((await agreed({ serverName: 'localhost' })).serverName, 'localhost')
  assert.equal((await agreed({ alpn: 'x-amzn-mqtt-ca, other' })).alpn, 'x-amzn-mqtt-ca')
  assert.equal((await agreed({ ciphers: 'TLS_CHACHA20_POLY1305_SHA256' })).cipher, 'TLS_CHACHA20_POLY1305_SHA256')
  const iana = { tlsMaxVersion: 'TLSv1.2', ciphers: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384' }
  assert.equal((await agreed(iana)).cipher, 'ECDHE-ECDSA-AES256-GCM-SHA384')
  await using tooOld = open(only12.port, { ...trust, tlsMinVersion: 'TLSv1.3' })
  const { code, disposition } = await failure(tooOld)
  assert.deepEqual([code, disposition], ['BROKER_TLS', 'config'])
  await using fits = open(only12.port, trust)
  await connected(fits.connection)
  await using other = open(any.port, { ...trust, serverName: 'elsewhere' })
  assert.equal((await failure(other)).code, 'BROKER_TLS')
  await using unchecked = open(any.port, { ...trust, serverName: 'elsewhere', checkServerIdentity: false })
  await connected(unchecked.connection)
})

test('ciphers by their IANA and Java names become those of OpenSSL, and an unknown one is refused at deploy', () => {
  const ciphersOf = (ciphers: string) => secure(1, { ciphers }).socket.tls!.ciphers
  assert.equal(ciphersOf('SSL_RSA_WITH_AES_128_CBC_SHA'), 'AES128-SHA')
  assert.equal(
    ciphersOf('TLS_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'),
    'AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:TLS_AES_128_GCM_SHA256',
  )
  assert.equal(
    ciphersOf('TLS_DHE_RSA_WITH_AES_128_CBC_SHA256 ECDHE-RSA-AES128-SHA'),
    'DHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA',
  )
  for (const name of ['FOO_CIPHER', 'TLS_RSA_WITH_FOO_SHA', 'TLS_FOO_WITH_AES_128_CBC_SHA'])
    assert.throws(() => ciphersOf(name), { code: 'CONFIG_INVALID', message: `Ciphers: knows no cipher "${name}"` })
})

test('certificates that change on disk are used without a redeploy, and no message is lost meanwhile', async () => {
  await using mosquitto = await startMosquitto()
  const others = temporaryDirectory('renewed')
  const renewed = await makeCertificates(others)
  const context = ({ ca, certFile, keyFile }: typeof renewed) => ({
    ca,
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    requestCert: true,
    rejectUnauthorized: true,
  })
  await using front = await startTlsFront(mosquitto.port, context(certificates))
  const files = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => path(`live-${name}`))
  const install = ({ caFile, clientCertFile, clientKeyFile }: typeof renewed) => {
    for (const [i, from] of [caFile, clientCertFile, clientKeyFile].entries())
      writeFileSync(files[i]!, readFileSync(from))
  }
  install(certificates)
  const [ca, cert, key] = files
  const collector = new Collector(['c/#'], { settles: true })
  await using own = connect(secure(front.port, { ca, cert, key }), collector)
  await connected(own.connection)
  await until(
    async () => {
      await publishNumbered({ port: mosquitto.port, topics: ['c/first'], count: 1, qos: 1 })
      return collector.taken.length > 0
    },
    { what: 'the subscription' },
  )
  writeFileSync(cert!, 'half a certificate')
  await until(() => own.connection.status.error?.code === 'BROKER_TLS', {
    what: 'the error of a half written set',
    timeoutMs: 20_000,
  })
  assert.deepEqual([own.connection.status.phase, front.handshakes.length], ['connected', 1])
  front.renew(context(renewed))
  install(renewed)
  const publishing = publishNumbered({ port: mosquitto.port, topics: ['c/1'], count: 400, qos: 1, ratePerSecond: 80 })
  await until(() => front.handshakes.length === 2, { what: 'the new connection', timeoutMs: 20_000 })
  await publishing
  const numbers = () =>
    new Set(collector.taken.filter(({ publish }) => publish.topic === 'c/1').map(({ text }) => text))
  await until(() => numbers().size === 400, { what: 'all messages' })
  assert.equal(own.connection.status.error, undefined)
  rmSync(others, { recursive: true })
})
