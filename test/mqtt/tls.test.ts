import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { Collector, connect, connected, create, failure, options } from './harness.ts'

test('TLS: with the authority and a client certificate, as files and as text; without them it is red and says why', async () => {
  await using mosquitto = await startMosquitto({ tls: true, conf: ['require_certificate true'] })
  const { ca, caFile, clientCertFile, clientKeyFile } = mosquitto.certificates!
  const none = { ca: '', cert: '', key: '', passphrase: '', rejectUnauthorized: true }
  const secure = (tls: object, host = '127.0.0.1') =>
    connect(options(0, { socket: { host, port: mosquitto.tlsPort, tls: { ...none, ...tls } } }), new Collector(['c']))
  const text = (file: string) => readFileSync(file, 'utf8')
  const client = { cert: clientCertFile, key: clientKeyFile }
  for (const own of [
    secure({ ca: caFile, ...client }),
    secure({ ca, cert: text(clientCertFile), key: text(clientKeyFile) }, 'localhost'),
    secure({ ...client, rejectUnauthorized: false }),
  ]) {
    await connected(own.connection)
    await own.connection.close()
  }
  const directory = temporaryDirectory('tls')
  const rubbish = join(directory, 'rubbish.pem')
  writeFileSync(rubbish, '-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n')
  const failing: readonly (readonly [object, RegExp])[] = [
    [client, /UNABLE_TO|SELF_SIGNED|self.signed|unable to/],
    [{ ca: clientCertFile, ...client }, /certificate/],
    [{ ca: caFile }, /certificate/i],
    [{ ca: '/nowhere/ca.pem', ...client }, /no such file.*\/nowhere\/ca\.pem/],
    [{ ca: caFile, ...client, key: rubbish }, /./],
    [{ ca: rubbish, ...client }, /./],
  ]
  for (const [tls, reason] of failing) {
    await using own = secure(tls)
    const { code, disposition, message } = await failure(own)
    assert.deepEqual([code, disposition], ['BROKER_TLS', 'config'], message)
    assert.match(message, reason)
  }
  rmSync(directory, { recursive: true })
})

test('a certificate for another host is refused, and files are read anew for every attempt', async () => {
  await using mosquitto = await startMosquitto({ tls: true })
  const directory = temporaryDirectory('tls')
  const file = join(directory, 'ca.pem')
  const tls = { ca: file, cert: '', key: '', passphrase: '', rejectUnauthorized: true }
  await using other = connect(
    options(0, { socket: { host: '127.0.0.2', port: mosquitto.tlsPort, tls } }),
    new Collector(['c']),
  )
  assert.equal((await failure(other)).code, 'BROKER_TLS')
  await using own = connect(
    options(0, { socket: { host: '127.0.0.1', port: mosquitto.tlsPort, tls } }),
    new Collector(['c']),
  )
  assert.match((await failure(own)).message, /no such file/)
  writeFileSync(file, mosquitto.certificates!.ca)
  await connected(own.connection)
})

test('a plain connection to a TLS port, and TLS to a plain port, fail with a reason and are tried on', async () => {
  await using mosquitto = await startMosquitto({ tls: true })
  await using plain = connect(options(mosquitto.tlsPort), new Collector(['c']))
  assert.equal((await failure(plain)).code, 'BROKER_UNREACHABLE')
  const tls = { ca: mosquitto.certificates!.ca, cert: '', key: '', passphrase: '', rejectUnauthorized: true }
  await using secure = connect(
    options(0, { connectTimeoutMs: 1000, socket: { host: '127.0.0.1', port: mosquitto.port, tls } }),
    new Collector(['c']),
  )
  const { code, message } = await failure(secure)
  assert.match(code, /BROKER_(TLS|UNREACHABLE)/, message)
})

test('attempts that fail before they connect take no share of the memory', async () => {
  const budget = new ByteBudget(100)
  const tls = { ca: 'nowhere/ca.pem', cert: '', key: '', passphrase: '', rejectUnauthorized: true }
  const collector = new Collector(['c'])
  const connection = create(options(1, { socket: { host: '127.0.0.1', port: 1, tls } }), () => {}, budget)
  collector.connection = connection
  connection.subscribe(collector)
  connection.open()
  await until(() => collector.errors.length > 5, { what: 'attempts' })
  budget.add(100)
  assert.equal(budget.stops(49), false)
})
