import assert from 'node:assert/strict'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { parseFields } from '../../src/config/fields.ts'
import { Problem } from '../../src/core/problem.ts'
import { readTableImport, type TableImport } from '../../src/rows/import-table.ts'
import { formatType } from '../../src/rows/row-schema.ts'
import { factoryTable } from './readings.ts'

const least = "'connector' = 'mqtt-v3', 'broker.host' = 'h', 'topic' = 'a/#', 'format' = 'json'"

function read(text: string): TableImport {
  const table = readTableImport(text)
  if (table instanceof Problem) assert.fail(table.text)
  return table
}

const withOptions = (options: string) => read(`CREATE TABLE t (a INT) WITH (${least}${options})`)

const wordsOf = ({ notices }: TableImport) =>
  notices.map((notice) => (notice instanceof Problem ? notice.text : notice))

function problem(text: string): string {
  const table = readTableImport(text)
  return table instanceof Problem ? table.text : assert.fail(`no problem in ${text}`)
}

/** Every suggestion names a property that its node has, with a value that the node takes. */
function assertTaken({ nodes }: TableImport): void {
  for (const [type, settings] of Object.entries(nodes)) {
    const { fields } = declarations.find((declaration) => declaration.type === type)!
    assert.deepEqual(
      Object.keys(settings).filter((name) => !(name in fields)),
      [],
    )
    const { problems } = parseFields(fields, settings)
    const missing = type === 'mqtt-v3-in' ? ['source'] : []
    assert.deepEqual(
      problems.map(({ field }) => field),
      missing,
    )
  }
}

test('the table of the factory fills broker, topic, schema and decoder, and says what is different here', () => {
  const table = read(factoryTable)
  assertTaken(table)
  assert.equal(table.name, 'hive_catalog.mqtt.factory_iot_101')
  assert.deepEqual(
    table.columns.map(
      ({ name, type }) => `${name}:${type.kind === 'ROW' ? `ROW(${type.columns.length})` : formatType(type)}`,
    ),
    ['ts:BIGINT', 'metadata:ROW(7)', 'measurement:DOUBLE'],
  )
  assert.deepEqual(table.nodes['mqtt-v3-source'], {
    host: 'localhost',
    port: 1883,
    clientId: 'flink_iot_consumer',
    autoReconnect: true,
    clean: true,
    useTls: false,
    connectTimeoutMs: 30_000,
    keepalive: 60,
    maxReconnectDelayMs: 120_000,
    willTopic: 'disconnected/client',
    willQos: '1',
    willRetain: true,
  })
  assert.deepEqual(table.nodes['mqtt-v3-in'], { subscriptions: [{ filter: 'factory_iot/north/101', qos: '1' }] })
  assert.deepEqual(table.nodes['row-decoder'], { format: 'json-row' })
  const schema = table.nodes['row-schema'].schema as string
  assert.match(schema, /^`ts` BIGINT,\n`metadata` ROW<`siteId` INT, .*>,\n`measurement` DOUBLE$/)
  assert.deepEqual(wordsOf(table), [
    "'clean-session' is true: what is published while the connection is down is lost",
    "'executor.service.threads' is not needed: use poolSize",
    "the will has no message: an empty one is sent, which with 'last.will.retain' deletes the retained one",
  ])
})

test('every option of the connector changes a property or is named', () => {
  const cases: readonly (readonly [string, keyof TableImport['nodes'], object])[] = [
    ["'broker.port' = '8883'", 'mqtt-v3-source', { port: 8883 }],
    ["'client.id' = 'c'", 'mqtt-v3-source', { clientId: 'c' }],
    ["'username' = 'u', 'password' = 'it''s'", 'mqtt-v3-source', { user: 'u', password: "it's" }],
    ["'username' = 'u', 'password' = ''", 'mqtt-v3-source', { user: 'u' }],
    ["'clean-session' = 'FALSE'", 'mqtt-v3-source', { clean: false }],
    ["'ssl' = 'true', 'ssl.key.password' = 'k'", 'mqtt-v3-source', { useTls: true, keyPassword: 'k' }],
    [
      "'ssl' = 'true', 'ssl.truststore.path' = '/t.jks', 'ssl.truststore.password' = 's', 'ssl.keystore.path' = '/k.p12', 'ssl.keystore.password' = 'p'",
      'mqtt-v3-source',
      {
        useTls: true,
        truststorePath: '/t.jks',
        truststorePassword: 's',
        keystorePath: '/k.p12',
        keystorePassword: 'p',
      },
    ],
    [
      "'ssl' = 'true', 'ssl.protocol.version' = 'TLSv1.3'",
      'mqtt-v3-source',
      { useTls: true, tlsMinVersion: 'TLSv1.3' },
    ],
    ["'ssl' = 'true', 'ssl.protocol.version' = 'TLS'", 'mqtt-v3-source', { useTls: true, tlsMinVersion: 'TLSv1.2' }],
    [
      "'ssl' = 'true', 'ssl.cipher.suites' = 'SSL_RSA_WITH_AES_128_CBC_SHA'",
      'mqtt-v3-source',
      { useTls: true, ciphers: 'SSL_RSA_WITH_AES_128_CBC_SHA' },
    ],
    ["'automatic-reconnect' = 'false'", 'mqtt-v3-source', { autoReconnect: false }],
    ["'connection.timeout' = '5'", 'mqtt-v3-source', { connectTimeoutMs: 5000 }],
    ["'keep.alive.interval' = '0'", 'mqtt-v3-source', { keepalive: 0 }],
    ["'max.reconnect.delay' = '4'", 'mqtt-v3-source', { maxReconnectDelayMs: 4000 }],
    [
      "'last.will.topic' = 'w', 'last.will.message' = '', 'last.will.qos' = '2', 'last.will.retain' = 'false'",
      'mqtt-v3-source',
      { willTopic: 'w', willPayload: '', willQos: '2', willRetain: false },
    ],
    ["'json.fail-on-missing-field' = 'true'", 'row-decoder', { failOnMissingField: true }],
    ["'json.ignore-parse-errors' = 'true'", 'row-decoder', { ignoreParseErrors: true }],
    ["'json.timestamp-format.standard' = 'ISO-8601'", 'row-decoder', { timestampFormat: 'ISO-8601' }],
  ]
  for (const [options, type, expected] of cases) {
    const imported = withOptions(`, ${options}`)
    assertTaken(imported)
    const basis = type === 'mqtt-v3-source' ? { host: 'h' } : { format: 'json-row' }
    assert.deepEqual(imported.nodes[type], { ...basis, ...expected }, options)
    assert.deepEqual(imported.notices, [], options)
  }
  assert.deepEqual(withOptions(", 'qos' = '2'").nodes['mqtt-v3-in'].subscriptions, [{ filter: 'a/#', qos: '2' }])
  const old = withOptions(", 'ssl' = 'true', 'ssl.protocol.version' = 'TLSv1.1'")
  assert.deepEqual(wordsOf(old), [
    "'ssl.protocol.version' = 'TLSv1.1' is broken and not applied: TLS 1.2 or newer is used",
  ])
  const named = [
    'json.map-null-key.mode',
    'json.map-null-key.literal',
    'json.encode.decimal-as-plain-number',
    'json.decode.json-parser.enabled',
  ]
  for (const name of named) {
    const notices = wordsOf(withOptions(`, 'ssl' = 'true', '${name}' = 'x'`))
    assert.equal(notices.length, 1)
    assert.ok(notices[0]!.includes(`'${name}'`), notices[0])
  }
})

test('an option that is missing, unknown, wrong or contradicts another one is an error that names it', () => {
  const cases: readonly (readonly [string, string])[] = [
    [", 'brokre.host' = 'x'", "the option 'brokre.host' is not known"],
    [", 'Topic' = 'x'", "the option 'Topic' is not known"],
    [", 'topic' = 'x'", "the option 'topic' is there twice"],
    [", 'qos' = '3'", "the option 'qos' must be a whole number from 0 to 2, not '3'"],
    [", 'broker.port' = '0'", "the option 'broker.port' must be a whole number from 1 to 65535, not '0'"],
    [
      ", 'keep.alive.interval' = '1e3'",
      "the option 'keep.alive.interval' must be a whole number from 0 to 65535, not '1e3'",
    ],
    [", 'clean-session' = 'no'", "the option 'clean-session' must be true or false, not 'no'"],
    [", 'ssl.truststore.path' = '/x.jks'", "the option 'ssl.truststore.path' needs 'ssl' = 'true'"],
    [
      ", 'ssl' = 'true', 'ssl.protocol.version' = 'SSLv3'",
      "the option 'ssl.protocol.version' must be TLS, TLSv1.2 or TLSv1.3, not 'SSLv3'",
    ],
    [", 'ssl' = 'false', 'ssl.key.password' = 'x'", "the option 'ssl.key.password' needs 'ssl' = 'true'"],
    [", 'last.will.message' = 'x'", "the option 'last.will.message' needs 'last.will.topic'"],
    [", 'password' = 'x'", "the option 'password' needs 'username'"],
    [
      ", 'json.fail-on-missing-field' = 'true', 'json.ignore-parse-errors' = 'true'",
      "'json.ignore-parse-errors' cannot be true together with 'json.fail-on-missing-field'",
    ],
  ]
  for (const [options, expected] of cases) {
    assert.equal(problem(`CREATE TABLE t (a INT) WITH (${least}${options})`), `table: line 1: ${expected}`)
  }
  const without = (name: string) =>
    least
      .split(', ')
      .filter((option) => !option.startsWith(`'${name}'`))
      .join(', ')
  for (const name of ['connector', 'broker.host', 'topic', 'format']) {
    const text = `CREATE TABLE t (a INT) WITH (${without(name)})`
    assert.equal(problem(text), `table: line 1: the option '${name}' is missing`)
  }
  assert.equal(problem('CREATE TABLE t (a INT)'), "table: line 1: the option 'connector' is missing")
  assert.equal(problem('a INT'), 'table: line 1: expected CREATE TABLE')
  assert.equal(
    problem(`CREATE TABLE t (a INT) WITH (${least.replace('mqtt-v3', 'kafka')})`),
    "table: line 1: the connector 'kafka' is not known: expected mqtt-v3 or mqtt",
  )
  assert.equal(
    problem(`CREATE TABLE t (a INT) WITH (${least.replace("'json'", "'avro'")})`),
    "table: line 1: the option 'format' must be json, not 'avro'",
  )
  assert.equal(read(`CREATE TABLE t (a INT) WITH (${least.replace('mqtt-v3', 'mqtt')})`).name, 't')
})
