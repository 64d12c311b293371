import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { basename, join } from 'node:path'
import { before, it, type TestContext } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { PipelineError } from '../../src/core/errors.ts'
import { type Certificates, makeCertificates } from '../services/certificates.ts'
import { runCommand, temporaryDirectory } from '../services/processes.ts'
import { describeForClients, forever } from './kafka-harness.ts'

type Raw = { readonly [option: string]: unknown }

describeForClients('the TLS of a Kafka cluster', (createKafkaSink) => {
  const directory = temporaryDirectory('kafka-tls')
  let certificates: Certificates
  before(async () => {
    certificates = await makeCertificates(directory)
  })

  /** What a server, which hangs up then, knows of each client that got through the handshake. */
  async function startServer(context: TestContext, options: TlsOptions = {}, host = '127.0.0.1') {
    const clients: { cipher: string; sigalgs: readonly string[]; certificate: string }[] = []
    const key = readFileSync(certificates.keyFile)
    const cert = readFileSync(certificates.certFile)
    const server = createServer({ key, cert, ca: certificates.ca, ...options }, (socket: TLSSocket) => {
      const { subject } = socket.getPeerCertificate()
      clients.push({
        cipher: socket.getCipher().name,
        sigalgs: socket.getSharedSigalgs(),
        certificate: String(subject?.CN),
      })
      socket.on('error', () => {}).destroy()
    })
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    context.after(() => void server.close())
    return { clients, brokers: `${host}:${(server.address() as AddressInfo).port}` }
  }

  /** Tries once, and gives the error, which there always is. */
  async function attempt(cluster: Raw): Promise<PipelineError> {
    const common = { useTls: true, ca: certificates.ca }
    const sink = createKafkaSink({ cluster: { ...common, ...cluster }, sink: { topic: 't' }, directory })
    try {
      await sink.open(forever)
      return assert.fail('it is no Kafka')
    } catch (error) {
      return error as PipelineError
    } finally {
      await sink.close()
    }
  }

  it('uses the ciphers that the form names, and no others', async (context) => {
    const { clients, brokers } = await startServer(context, { maxVersion: 'TLSv1.2' })
    for (const cipher of ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305']) {
      await attempt({ brokers, ciphers: cipher })
      assert.equal(clients.at(-1)?.cipher, cipher)
    }
    const seen = clients.length
    assert.equal((await attempt({ brokers, ciphers: 'ECDHE-RSA-AES128-SHA256' })).code, 'TARGET_TLS')
    assert.equal(clients.length, seen)
  })

  it('agrees on keys with the curves that the form names, and no others', async (context) => {
    const { clients, brokers } = await startServer(context, { ecdhCurve: 'P-384' })
    assert.equal((await attempt({ brokers, ecdhCurve: 'P-256' })).code, 'TARGET_TLS')
    assert.equal(clients.length, 0)
    await attempt({ brokers, ecdhCurve: 'P-521:P-384' })
    assert.ok(clients.length > 0)
  })

  it('takes the signatures that the form names, and no others', async (context) => {
    const { clients, brokers } = await startServer(context)
    await attempt({ brokers, sigalgs: 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha512' })
    assert.deepEqual(clients.at(-1)?.sigalgs, ['ECDSA+SHA256', 'RSA-PSS+SHA512'])
    const seen = clients.length
    assert.equal((await attempt({ brokers, sigalgs: 'rsa_pss_rsae_sha512' })).code, 'TARGET_TLS')
    assert.equal(clients.length, seen)
  })

  it('checks the name in a certificate unless told otherwise, and its authority all the same', async (context) => {
    const { clients, brokers } = await startServer(context, {}, '127.0.0.2')
    const refusal = await attempt({ brokers })
    assert.equal(refusal.code, 'TARGET_TLS')
    assert.match(refusal.message, /127\.0\.0\.2/)
    const seen = clients.length
    const strangers = await makeCertificates(temporaryDirectory('strangers'))
    await attempt({ brokers, checkServerIdentity: false })
    assert.ok(clients.length > seen)
    assert.equal((await attempt({ brokers, checkServerIdentity: false, ca: strangers.ca })).code, 'TARGET_TLS')
  })

  it('shows the certificate of a key store, by a path that starts at the user directory', async (context) => {
    const { clients, brokers } = await startServer(context, { requestCert: true })
    const keystore = join(directory, 'client.p12')
    const { clientKeyFile, clientCertFile } = certificates
    const made = [
      '-export',
      '-inkey',
      clientKeyFile,
      '-in',
      clientCertFile,
      '-out',
      keystore,
      '-passout',
      'pass:geheim',
    ]
    await runCommand('openssl', ['pkcs12', ...made])
    await attempt({ brokers, keystorePath: basename(keystore), keystorePassword: 'geheim' })
    assert.equal(clients.at(-1)?.certificate, 'client')
    const seen = clients.length
    const wrong = await attempt({ brokers, keystorePath: keystore, keystorePassword: 'falsch' })
    assert.equal(wrong.code, 'TARGET_TLS')
    assert.match(wrong.message, /: Key store: mac verify failure$/)
    assert.match((await attempt({ brokers, keystorePath: 'none.p12' })).message, /none\.p12/)
    assert.equal(clients.length, seen)
  })

  const unusable = [
    [{ ciphers: 'FOO_CIPHER' }, 'Ciphers: no cipher match'],
    [{ ecdhCurve: 'P-1' }, 'Curves: Failed to set ECDH curve'],
    [{ sigalgs: 'FOO' }, 'Signature algorithms: OpenSSL does not know it'],
    [{ cert: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----' }, 'Client certificate: bad base64 decode'],
  ] as const
  for (const [options, problem] of unusable) {
    it(`names the field that cannot be used: ${problem}`, async () => {
      const { code, disposition, message } = await attempt({ brokers: '127.0.0.1:1', ...options })
      assert.deepEqual([code, disposition], ['TARGET_TLS', 'config'])
      assert.equal(message, `No secure connection to Kafka at 127.0.0.1:1: ${problem}`)
    })
  }

  it('waits for the handshake no longer than the form says', async (context) => {
    const silent = createTcpServer((socket) => socket.on('error', () => {}))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    context.after(() => void silent.close())
    const brokers = `127.0.0.1:${(silent.address() as AddressInfo).port}`
    const started = performance.now()
    const { disposition } = await attempt({ brokers, connectTimeoutMs: 200 })
    assert.equal(disposition, 'retry')
    // Without the option it is 10 s.
    assert.ok(performance.now() - started < 9000)
  })
})
