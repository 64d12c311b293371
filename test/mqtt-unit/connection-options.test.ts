import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type ConfigOf, parseFields } from '../../src/config/fields.ts'
import { checkIn, inFields, sourceFields } from '../../src/mqtt/config.ts'
import { connectionOptions, poolOptions, publishingOptions } from '../../src/mqtt/connection-options.ts'

const optionsOf = (raw: object, directory = '/users') => {
  const { config, problems } = parseFields(sourceFields, { host: 'plant', ...raw })
  assert.deepEqual(problems, [])
  return connectionOptions(config as ConfigOf<typeof sourceFields>, 'nr-own', directory)
}

test('the port follows from TLS, the client id from the installation, and there is no will, unless they are given', () => {
  const plain = optionsOf({})
  assert.deepEqual(plain.socket, { host: 'plant', port: 1883 })
  assert.deepEqual([plain.clientId, plain.clean, plain.keepalive, plain.will], ['nr-own', false, 60, undefined])
  assert.deepEqual(plain.reconnect, { baseMs: 1000, maxMs: 120_000 })
  const secure = optionsOf({ useTls: true, ca: 'tls/ca.pem', cert: '-----BEGIN CERTIFICATE-----' }, '/users/plant')
  assert.deepEqual(secure.socket, {
    host: 'plant',
    port: 8883,
    tls: {
      ca: '/users/plant/tls/ca.pem',
      cert: '-----BEGIN CERTIFICATE-----',
      key: '',
      passphrase: '',
      rejectUnauthorized: true,
      checkServerIdentity: true,
      minVersion: 'TLSv1.2',
      serverName: '',
      alpn: [],
    },
  })
  const given = optionsOf({
    port: 1884,
    clientId: 'mine',
    willTopic: 'gone',
    willPayload: 'x',
    willQos: '2',
    willRetain: true,
    willDelayInterval: 30,
  })
  assert.deepEqual([given.socket.port, given.clientId], [1884, 'mine'])
  assert.deepEqual(given.will, { topic: 'gone', payload: 'x', qos: 2, retain: true, delayInterval: 30 })
})

test('what cannot work is named with its field', () => {
  const source = (raw: { readonly [option: string]: unknown }) =>
    parseFields(sourceFields, raw).problems.map(String).join()
  assert.match(JSON.stringify(parseFields(sourceFields, {}).problems), /host/)
  for (const port of [0, 65_536, 'x', 1.5])
    assert.match(JSON.stringify(parseFields(sourceFields, { host: 'h', port }).problems), /port/)
  assert.equal(source({ host: 'h' }), '')
  const table = (filter: string) =>
    JSON.stringify(parseFields(inFields, { source: 's', subscriptions: [{ filter }] }).problems)
  for (const filter of ['a/#/c', 'a+', 'a/b#', '']) assert.match(table(filter), /filter/)
  assert.equal(table('a/+/#'), '[]')
  const empty = (dynamic: boolean) =>
    checkIn(parseFields(inFields, { source: 's', subscriptions: [], dynamic }).config!)
  assert.deepEqual([empty(false).map(({ field }) => field), empty(true)], [['subscriptions'], []])
})

test('publishing has a client id of its own, no will, and the idle timeout', () => {
  const of = (raw: object) => {
    const { config } = parseFields(sourceFields, { host: 'plant', willTopic: 'gone', idleTimeoutMs: '2 s', ...raw })
    return publishingOptions(config as ConfigOf<typeof sourceFields>, 'nr-own', '/users')
  }
  const { clientId, will, publishing, clean } = of({})
  assert.deepEqual(
    { clientId, will, publishing, clean },
    { clientId: 'nr-own-out', will: undefined, publishing: { idleTimeoutMs: 2000 }, clean: false },
  )
  assert.equal(of({ clientId: 'mine' }).clientId, 'mine-out')
})

test('client ids made of a long one keep to the 23 characters of MQTT 3.1, and differ', () => {
  const of = (clientId: string, protocolVersion: string) => {
    const { config } = parseFields(sourceFields, { host: 'plant', clientId, protocolVersion, poolSize: 12 })
    const source = config as ConfigOf<typeof sourceFields>
    const pool = poolOptions(source, 'nr-own', '/users').map((each) => each.clientId)
    return [...pool, publishingOptions(source, 'nr-own', '/users').clientId]
  }
  const [north, south] = ['gateway-of-plant-north', 'gateway-of-plant-south']
  const ids = [...of(north, '3'), ...of(south, '3')]
  assert.deepEqual([ids[0], ids[13]], [north, south])
  assert.ok(ids.every(({ length }) => length <= 23))
  assert.equal(new Set(ids).size, 26)
  assert.deepEqual(of('short', '3').slice(-2), ['short-11', 'short-out'])
  assert.equal(of(north, '4').at(-1), `${north}-out`)
})

/** Each option has one in which it counts. */
const base = {
  ...{ host: 'plant', protocol: 'ws', useTls: true, protocolVersion: '5', willTopic: 'gone' },
  ...{ truststorePath: 'trust.p12', keystorePath: 'key.p12' },
}

/** One other value of each option than it has there. */
const others: { readonly [option in keyof typeof sourceFields]: unknown } = {
  ...{ host: 'other', port: 1885, protocol: 'tcp', wsPath: '/other', wsHeaders: [{ name: 'X-Other', value: 'x' }] },
  ...{ protocolVersion: '4', fallbacks: 'other', user: 'other', password: 'other', useTls: false },
  ...{ ca: 'other.pem', cert: 'other.pem', key: 'other.pem', passphrase: 'other' },
  ...{ rejectUnauthorized: false, checkServerIdentity: false },
  ...{ truststorePath: 'other.p12', truststorePassword: 'other', truststoreType: 'JKS' },
  ...{ keystorePath: 'other.p12', keystorePassword: 'other', keystoreType: 'JKS', keyPassword: 'other' },
  ...{ tlsMinVersion: 'TLSv1.3', tlsMaxVersion: 'TLSv1.2', ciphers: 'TLS_AES_256_GCM_SHA384' },
  ...{ serverName: 'other', alpn: 'mqtt', clientId: 'other', clean: true, sessionExpiryInterval: 7 },
  ...{ receiveMaximum: 7, topicAliasMaximum: 7, maxPacketSize: 2048, keepalive: 7, connectTimeoutMs: '7 s' },
  ...{ reconnectPeriodMs: '7 s', maxReconnectDelayMs: '7 s', autoReconnect: false, connectAttempts: 7, poolSize: 2 },
  ...{ willTopic: 'other', willPayload: 'other', willQos: '2', willRetain: true, willDelayInterval: 7 },
  idleTimeoutMs: '7 s',
}

test('every option of a source reaches a connection, for reading or for publishing', () => {
  const of = (raw: object) => {
    const { config, problems } = parseFields(sourceFields, { ...base, ...raw })
    assert.deepEqual(problems, [])
    const source = config as ConfigOf<typeof sourceFields>
    return { reading: poolOptions(source, 'nr', '/'), publishing: publishingOptions(source, 'nr', '/') }
  }
  const before = of({})
  assert.deepEqual(of({}), before)
  assert.deepEqual(Object.keys(others), Object.keys(sourceFields))
  const idle = Object.entries(others).filter(([option, value]) => isDeepStrictEqual(of({ [option]: value }), before))
  assert.deepEqual(idle, [])
})
