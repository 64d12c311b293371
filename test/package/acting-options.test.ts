import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { root } from './built.ts'

/** File below `test`, how the title of the test begins, and what the option is called there if not by its name. */
type Proof = readonly [file: string, title: string, name?: string | undefined]

const errors = (title: string): Proof => [`sinks/kafka-errors.test.ts`, title]
const security = (title: string, name?: string): Proof => ['sinks/kafka-security.test.ts', title, name]
const request = (title: string): Proof => ['sinks/kafka-request.test.ts', title]
const names = (title: string): Proof => ['sinks/kafka-names.test.ts', title]
const tls = (title: string): Proof => ['sinks/kafka-tls.test.ts', title]
const registry = (title: string): Proof => ['sinks/kafka-schema-registry.test.ts', title]
const outbox = (title: string): Proof => ['nodes/outbox.test.ts', title]

const bigquery = (title: string, name?: string): Proof => ['sinks/bigquery-sink.test.ts', title, name]
const bigqueryConfig = (title: string, name?: string): Proof => ['sinks/bigquery-config.test.ts', title, name]
const pubsub = (title: string): Proof => ['sinks/pubsub-request.test.ts', title]
const published = (title: string): Proof => ['sinks/pubsub-sink.test.ts', title]
const authorized = (title: string): Proof => ['google/authorization.test.ts', title]
const exampleOf = (title: string): Proof => ['nodes/acceptance-bigquery.test.ts', title]
const gauge = (title: string, name?: string): Proof => ['metrics/gauge.test.ts', title, name]
const file = (title: string): Proof => ['sinks/file-sink.test.ts', title]
const rows = (title: string, name?: string): Proof => ['rows/decode-record.test.ts', title, name]
const topics = (title: string): Proof => ['rows/decode-topics.test.ts', title]
const byJsonSchema = (title: string, name?: string): Proof => ['rows/decode-by-json-schema.test.ts', title, name]
const gate = (title: string): Proof => ['config/environment-gate.test.ts', title]

const logged: Proof = ['nodes/acceptance-configuration.test.ts', 'logLevel debug: a line for each reading']

const connecting = (title: string, name?: string): Proof => ['mqtt/connecting.test.ts', title, name]
const sent = (name?: string) => connecting('what is sent in CONNECT is what was configured', name)
const brokerTls = (title: string, name?: string): Proof => ['mqtt/tls.test.ts', title, name]
const stores = (title: string): Proof => ['mqtt/tls-stores.test.ts', title]
const webSocket = (title: string, name?: string): Proof => ['mqtt/transports.test.ts', title, name]
const version5 = (title: string): Proof => ['mqtt/version5.test.ts', title]
const pool = (title: string): Proof => ['mqtt/pool.test.ts', title]
const source = (title: string): Proof => ['mqtt/mqtt-source.test.ts', title]
const held = (title: string): Proof => ['nodes/held.test.ts', title]
const message = (title: string, name?: string): Proof => ['sinks/mqtt-request.test.ts', title, name]
const publishing = (title: string): Proof => ['sinks/mqtt-sink.test.ts', title]
const connect5 = version5('CONNECT carries the session expiry')

/** What every sink has, and the runners act on. */
const runner: { readonly [option: string]: Proof } = {
  delivery: outbox('a node that becomes {"delivery":"confirm"}'),
  outboxMaxBytes: outbox('a full outbox blocks'),
  outboxMaxAgeMs: ['outbox/limits.test.ts', 'an outbox whose oldest entry is over its age blocks', 'maxAgeMs'],
  outboxWhenFull: outbox('a full outbox blocks'),
  outboxPath: outbox('a node that becomes {"outboxPath":"elsewhere"}'),
  forwardPerSecond: outbox('forwardPerSecond slows the forwarding'),
  batchRecords: outbox('a batch is written when it has its batchRecords'),
  batchBytes: outbox('a batch is written when it has its batchRecords'),
  lingerMs: outbox('a batch is written when it has its batchRecords'),
  maxRetries: outbox('${JSON.stringify(values)}: what a dead target does not take'),
  onError: outbox('${JSON.stringify(values)}: what a dead target does not take'),
  retryBackoffMs: ['core/sink-runner.test.ts', 'a failing write waits longer each time'],
  maxRetryBackoffMs: ['core/sink-runner.test.ts', 'a failing write waits longer each time'],
  environment: gate('F4: LOCAL only logs'),
  enabledIn: gate('the names of a plant may be others'),
  dryRunIn: gate('the names of a plant may be others'),
  logLevel: logged,
}

/** Tests that fail when the option does nothing. */
const proofs: { readonly [type: string]: { readonly [option: string]: Proof } } = {
  'mqtt-v3-source': {
    host: brokerTls('a certificate for another host is refused'),
    port: ['mqtt-unit/connection-options.test.ts', 'the port follows from TLS'],
    protocol: webSocket('C7: tcp, tls, ws and wss', 'webSocket'),
    wsPath: webSocket('a WebSocket goes to the path that is set', 'path'),
    wsHeaders: webSocket('a WebSocket goes to the path that is set', 'headers'),
    protocolVersion: version5('B8: the version asked for'),
    fallbacks: pool('a broker that is gone is replaced'),
    user: connecting('a wrong password at mosquitto'),
    password: connecting('a wrong password at mosquitto'),
    useTls: ['nodes/acceptance-mqtt.test.ts', 'D8: with TLS no user name is on the line'],
    ca: brokerTls('TLS: with the authority and a client certificate'),
    cert: brokerTls('TLS: with the authority and a client certificate'),
    key: brokerTls('TLS: with the authority and a client certificate'),
    passphrase: stores('a key file that is encrypted'),
    rejectUnauthorized: brokerTls('TLS: with the authority and a client certificate'),
    checkServerIdentity: stores('versions, ciphers, server name and ALPN'),
    truststorePath: stores('A7: trust stores and key stores of every type'),
    truststorePassword: stores('A7: a wrong password, a wrong type'),
    truststoreType: stores('A7: a wrong password, a wrong type'),
    keystorePath: stores('A7: trust stores and key stores of every type'),
    keystorePassword: stores('A7: a wrong password, a wrong type'),
    keystoreType: stores('A7: a wrong password, a wrong type'),
    keyPassword: stores('A7: a wrong password, a wrong type'),
    tlsMinVersion: stores('versions, ciphers, server name and ALPN'),
    tlsMaxVersion: stores('versions, ciphers, server name and ALPN'),
    ciphers: stores('versions, ciphers, server name and ALPN'),
    serverName: stores('versions, ciphers, server name and ALPN'),
    alpn: stores('versions, ciphers, server name and ALPN'),
    clientId: sent(),
    clean: sent(),
    sessionExpiryInterval: connect5,
    receiveMaximum: version5('a receive maximum holds mosquitto back'),
    topicAliasMaximum: version5('an alias stands for its topic'),
    maxPacketSize: ['mqtt/reading.test.ts', 'D7: a packet over the limit'],
    keepalive: ['mqtt/keepalive.test.ts', 'a link on which nothing arrives any longer'],
    connectTimeoutMs: connecting('a broker that does not answer CONNECT'),
    reconnectPeriodMs: connecting('reconnect waits are drawn below a bound', 'baseMs'),
    maxReconnectDelayMs: connecting('reconnect waits are drawn below a bound', 'maxMs'),
    autoReconnect: pool('autoReconnect off: a connection that has ended'),
    connectAttempts: pool('B5: connectAttempts ends the trying'),
    poolSize: pool('D11: the connections of a pool share'),
    willTopic: sent('will'),
    willPayload: sent('will'),
    willQos: sent('will'),
    willRetain: sent('will'),
    willDelayInterval: ['mqtt/version5.test.ts', 'a will with a delay', 'delayInterval'],
    idleTimeoutMs: ['mqtt/outbound.test.ts', 'B6: a connection for publishing is closed when it is idle'],
  },
  'mqtt-v3-in': {
    source: source('a record says what MQTT and the subscriptions table say'),
    subscriptions: source('routes: one copy of each although filters overlap'),
    dynamic: ['nodes/by-message.test.ts', 'messages subscribe and unsubscribe'],
    output: source('batches: full ones at once'),
    batchRecords: source('batches: full ones at once'),
    lingerMs: source('batches: full ones at once'),
    acknowledge: source('onReceipt: acknowledged as soon as'),
    retained: ['mqtt/reading.test.ts', 'retained messages with version'],
    retainAsPublished: version5('retainAsPublished acts'),
    defaultRoute: ['nodes/acceptance-routes.test.ts', 'D1: an unrouted reading leaves output 2'],
    tag: ['nodes/acceptance-origin.test.ts', 'E1: sources with different schemas share a topic'],
    windowRecords: held('a full window stops the reading'),
    windowBytes: held('a full window stops the reading'),
    settleTimeoutMs: held('a node that hung has its full time again'),
    onFailure: held('a flow that fails gets the reading again'),
    logLevel: logged,
  },
  'kafka-cluster': {
    brokers: errors('broker down at connect: an outage'),
    clientId: security('tells the cluster its name'),
    saslMechanism: security('${mechanism}: who has the right may write', 'user(mechanism)'),
    user: security('${mechanism}: who has the right may write'),
    password: security('${mechanism}: who has the right may write'),
    tokenUrl: security('does not trust a token server of an unknown authority'),
    tokenClientId: security('shows what the token server has to know'),
    tokenClientSecret: security('says what the token server says', 'tokens.secret'),
    tokenScope: security('shows what the token server has to know'),
    tokenExtensions: security('tells the cluster its name'),
    useTls: errors('TLS: an unknown authority, TLS wanted and TLS not wanted'),
    ca: errors('TLS with the authority as text or as a path'),
    cert: security('takes who has the right, by key file'),
    key: security('takes who has the right, by key file'),
    passphrase: security('takes who has the right, by key file'),
    rejectUnauthorized: errors('TLS with the authority as text or as a path'),
    checkServerIdentity: tls('checks the name in a certificate unless told otherwise'),
    keystorePath: tls('shows the certificate of a key store'),
    keystorePassword: tls('shows the certificate of a key store'),
    ciphers: tls('uses the ciphers that the form names'),
    ecdhCurve: tls('agrees on keys with the curves'),
    sigalgs: tls('takes the signatures that the form names'),
    client: ['gateways/gateways.test.ts', '${title}, with the client ${client}'],
    connectTimeoutMs: tls('waits for the handshake no longer than the form says'),
  },
  'kafka-sink': {
    cluster: errors('broker down at connect: an outage'),
    topic: request('comes from the template, else from "to"'),
    topicSeparator: ['nodes/acceptance-kafka.test.ts', 'C1: MQTT topics become Kafka topics'],
    onInvalidTopic: names('writes under a cut name with a hash'),
    keyTemplate: request('has the key of its template'),
    includeMetadata: request('has no headers but still a key'),
    headers: request('has the headers of the form besides'),
    timestampAttribute: names('gives a record the time of its column'),
    tombstones: names('deletes a key with a tombstone'),
    partitioner: names('puts 2,000 keys into the partitions that the Java client chooses'),
    compression: ['sinks/kafka-codecs.test.ts', 'with ${compression}, as the broker'],
    autoCreateTopics: errors('a fixed topic that is missing is red at deploy'),
    partitions: ['sinks/kafka-records.test.ts', 'to topics it creates with the partitions of the record'],
    replication: errors('more replicas than brokers'),
    retentionMs: ['sinks/kafka-topic-care.test.ts', 'a topic that is created keeps its records as long as'],
    maxMessageBytes: request('is refused when key, value and headers together are over the limit'),
    valueFormat: registry('registers the schema once per topic'),
    schemaRegistryUrl: registry('registers the schema once per topic'),
    schemaRegistryUser: registry('signs in with ${what}'),
    schemaRegistryPassword: registry('signs in with ${what}'),
    schemaRegistryToken: registry('signs in with ${what}'),
    schemaRegistryCa: registry('speaks TLS with an authority of its own'),
    subjectStrategy: registry('finds the subject by ${subjectStrategy}'),
    subject: registry('takes the latest version, a certain one'),
    autoRegister: registry('takes the latest version, a certain one'),
    schema: registry('registers the schema once per topic'),
    schemaVersion: registry('takes the latest version, a certain one'),
    requestTimeoutMs: errors('broker that does not answer'),
    deliveryTimeoutMs: errors('broker that does not answer'),
    ...runner,
  },
  'mqtt-v3-out': {
    source: ['nodes/acceptance-mqtt-out.test.ts', 'B1: example 09 bridges two brokers'],
    topic: message('D13: the header mqtt.topic is the topic'),
    payload: message('the payload goes as it is'),
    qos: message('QoS and retain are those of the form'),
    retain: message('QoS and retain are those of the form'),
    includeProperties: ['sinks/mqtt-version5.test.ts', 'MQTT 5: what the publisher said travels on'],
    maxInflight: publishing('no more than ${maxInflight} messages wait'),
    maxPacketSize: message('a message over the largest packet is rejected'),
    publishAttempts: publishing('with ${publishAttempts} publish attempts it is rejected'),
    publishBackoffMs: publishing('a message that was not confirmed is published again after'),
    ...runner,
  },
  'google-cloud': {
    projectId: authorized('works in the project of the form'),
    credentialsMode: authorized('is the service account of a key'),
    credentialsFile: authorized('is the service account of a key'),
    credentialsJson: authorized('is the service account of a key'),
    impersonate: authorized('is another service account where we may act as it'),
    pubsubEmulator: ['nodes/acceptance-pubsub.test.ts', '08: with broker and emulator set'],
    bigqueryEmulator: exampleOf('example ${name}: with broker and emulators'),
    bigqueryStorageEmulator: exampleOf('example ${name}: with broker and emulators'),
  },
  'bigquery-sink': {
    cloud: bigqueryConfig('one emulator alone is refused', 'at: { url, storage }'),
    dataset: bigquery('an unknown dataset or project is named'),
    table: bigquery('${writeMethod} stores a value of every type', 'made.rows()'),
    schema: bigquery('${writeMethod} stores a value of every type', 'make(everyType'),
    columns: bigquery('${writeMethod} stores a value of every type'),
    writeMethod: bigquery('storageWrite stores rows again when an answer is lost, exactlyOnce does not'),
    createTable: bigquery('${writeMethod} holds everything while the table or the right to write is missing'),
    partitioning: bigquery('a table is created with the partitions and clusters'),
    partitionColumn: bigquery('a table is created with the partitions and clusters'),
    clustering: bigquery('a table is created with the partitions and clusters'),
    addColumns: bigquery('missing columns are added where the form says so'),
    requestTimeoutMs: bigquery('${writeMethod} takes a 503, an error in the stream, silence', '...impatient'),
    ...runner,
  },
  'pubsub-sink': {
    cloud: ['google/authorization.test.ts', 'publishes over TLS to the endpoint of the form', 'credentialsMode'],
    topic: pubsub('is a short name in our project, or a whole name in another'),
    data: pubsub('has the bytes as they are, rows as JSON with every digit'),
    mapping: pubsub('is an object of columns, which keep their types'),
    orderingKey: published('F5: a subscriber sees the publish order per key'),
    includeMetadata: pubsub('D4: has five attributes'),
    attributes: pubsub('has more attributes, and leaves out those that are not known'),
    endpoint: ['google/authorization.test.ts', 'publishes over TLS to the endpoint of the form'],
    requestTimeoutMs: published('that nobody answers end in time'),
    ...runner,
  },
  'prometheus-gauge': {
    valueColumn: gauge('columns in sub-rows, names of their own'),
    metric: gauge('columns in sub-rows, names of their own'),
    labels: gauge('columns in sub-rows, names of their own'),
    maxSeries: gauge('beyond maxSeries a further series is counted'),
    expiryMs: gauge('with expiryMs a series without a reading goes'),
  },
  'row-schema': {
    writtenAs: rows('a row-schema is written as a list of columns too'),
    schema: rows('a row-schema is configured with text'),
    columns: rows('a row-schema is written as a list of columns too'),
    jsonSchema: byJsonSchema('json-schema checks a payload and passes it on', "schema: 'sensor'"),
  },
  'row-decoder': {
    format: byJsonSchema('json-schema checks a payload and passes it on'),
    schema: byJsonSchema('json-row makes a row of what fits'),
    routes: rows('with a table of routes each route has its schema'),
    binaryEncoding: topics('a part without a column becomes one at the end'),
    compression: topics('a packed payload is unpacked for every format'),
    maxUnpackedBytes: topics('a packed payload is unpacked for every format'),
    resolveAliases: ['rows/sparkplug-births.test.ts', 'without "Resolve aliases" nothing is added'],
    requestRebirth: ['nodes/sparkplug.test.ts', 'an edge node is asked for its BIRTH'],
    topicPattern: topics('a part of the topic fills its column'),
    onMismatch: topics('with onMismatch warn the payload counts'),
    ignoredAttributes: topics('C3: attributes are taken out last'),
    onEmpty: rows('an empty payload is skipped, or rejected where that is asked for'),
    failOnMissingField: rows('a bad record is rejected with the reason'),
    ignoreParseErrors: rows('a bad record is rejected with the reason'),
    timestampFormat: rows('what a table says about its JSON counts more'),
    coerceNumbers: topics('F2: with coerceNumbers text is a number'),
    rejectEmptyText: topics('without rejectEmptyText an empty text is a text'),
    logLevel: ['nodes/acceptance-configuration.test.ts', 'logLevel debug of a decoder'],
  },
  'file-sink': {
    path: file('makes the directories of its path'),
    content: file('writes the row alone, or what came with it too'),
    maxFileBytes: file('finishes a file that would grow over its limit'),
    maxFileAgeMs: file('finishes a file that is older than its limit'),
    maxTotalBytes: ['sinks/file-sink.test.ts', 'stops at its disk limit', 'small'],
    whenFull: file('deletes the oldest file when told to'),
    ...runner,
  },
}

const casesLength = 1000

test('each node has such tests', () => {
  assert.deepEqual(Object.keys(proofs).sort(), declarations.map(({ type }) => type).sort())
})

for (const [type, listed] of Object.entries(proofs)) {
  test(`each option of the ${type} has a test that it acts`, () => {
    const { fields } = declarations.find((declaration) => declaration.type === type)!
    assert.deepEqual(Object.keys(listed).sort(), Object.keys(fields).sort())
    for (const [option, [file, title, name = option]] of Object.entries(listed)) {
      const source = readFileSync(join(root, 'test', file), 'utf8')
      const parts = source.split(/^(?= *(?:it|test)\()/m)
      const at = parts.findIndex((part) => part.includes(title))
      assert.ok(at >= 0, `${file} has no test "${title}", which should show that ${option} acts`)
      // The cases of a test in a loop stand before it.
      const shown = `${parts[at - 1]?.slice(-casesLength) ?? ''}${parts[at]}`
      assert.ok(shown.includes(name), `${file}: "${title}" says nothing of ${name}`)
    }
  })
}
