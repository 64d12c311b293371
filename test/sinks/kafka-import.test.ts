import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Fields, parseFields } from '../../src/config/fields.ts'
import type { Imported } from '../../src/config/imported.ts'
import { Problem } from '../../src/core/problem.ts'
import { clusterFields, sinkFields } from '../../src/sinks/kafka/config.ts'
import { importSettings } from '../../src/sinks/kafka/import-settings.ts'

function imported(node: 'cluster' | 'sink', text: string): Imported {
  const result = importSettings(node, text)
  assert.ok(!(result instanceof Problem), String((result as Problem).text))
  return result
}

const wordsOf = (value: string | Problem) => (value instanceof Problem ? value.text : value)

/** For each key: what the list in the form says of it, without words. */
const outcomes = (node: 'cluster' | 'sink', text: string) =>
  Object.fromEntries(
    imported(node, text).lines.map(({ key, outcome, ...rest }) => [
      key,
      [outcome, ...Object.values(rest).map(wordsOf)].join(' '),
    ]),
  )

const valuesOf = (node: 'cluster' | 'sink', text: string) => imported(node, text).values

// As the template of the unifiednamespace bridge ships it, with the values of a plant.
const librdkafka = `{
  "client.id": "uns_kafka_client",
  "bootstrap.servers": "SASL_SSL://10.0.0.1:9093,10.0.0.2:9093",
  "security.protocol": "SASL_SSL",
  "sasl.mechanisms": "PLAIN",
  "sasl.username": "bridge",
  "sasl.password": "secret:1",
  "ssl.ca.location": "/etc/kafka/ca.pem",
  "ssl.certificate.location": "",
  "ssl.key.location": "",
  "ssl.key.password": "",
  "enable.ssl.certificate.verification": true,
  "acks": "all",
  "enable.idempotence": True,
  "retries": 10,
  "retry.backoff.ms": 500,
  "compression.type": "gzip",
  "linger.ms": 0.5,
  "batch.num.messages": 1000,
  "batch.size": 65536,
  "message.max.bytes": 2000000,
  "message.timeout.ms": 0,
  "queue.buffering.max.messages": 100000,
  "max.in.flight": 5,
  "partitioner": "consistent_random",
  "allow.auto.create.topics": "false",
  "transactional.id": "",
  "debug": "broker,topic",
  "statistics.interval.ms": 5000,
  "group.id": "g"
}`

describe('the import of a librdkafka dictionary', () => {
  it('fills a kafka-cluster', () => {
    assert.deepEqual(valuesOf('cluster', librdkafka), {
      clientId: 'uns_kafka_client',
      brokers: '10.0.0.1:9093,10.0.0.2:9093',
      useTls: 'true',
      saslMechanism: 'PLAIN',
      user: 'bridge',
      password: 'secret:1',
      ca: '/etc/kafka/ca.pem',
      rejectUnauthorized: 'true',
    })
  })

  it('fills a kafka-sink', () => {
    assert.deepEqual(valuesOf('sink', librdkafka), {
      maxRetries: '10',
      retryBackoffMs: '500',
      compression: 'gzip',
      lingerMs: '1',
      batchRecords: '1000',
      batchBytes: '65536',
      maxMessageBytes: '2000000',
      deliveryTimeoutMs: '1 h',
      partitioner: 'consistent',
      autoCreateTopics: 'false',
    })
  })

  it('says of every setting with a value what has become of it; empty ones are unset', () => {
    const lines = outcomes('sink', librdkafka)
    assert.equal(lines['bootstrap.servers'], 'elsewhere')
    assert.equal(lines.retries, 'applied maxRetries finiteRetries')
    assert.equal(lines.acks, 'noted acks')
    assert.equal(lines['enable.idempotence'], 'noted idempotence')
    assert.equal(lines['max.in.flight'], 'noted inFlight')
    assert.equal(lines['queue.buffering.max.messages'], 'noted buffer')
    for (const key of ['debug', 'statistics.interval.ms']) assert.equal(lines[key], 'noted observer')
    assert.equal(lines['group.id'], 'noted consumer')
    for (const key of ['transactional.id', 'ssl.key.location', 'ssl.key.password']) assert.equal(key in lines, false)
    assert.equal(outcomes('cluster', librdkafka).retries, 'elsewhere')
    assert.equal(Object.keys(lines).length, 25)
  })

  it('knows the other names of the same', () => {
    const text = `metadata.broker.list=k:9092
request.required.acks=1
message.send.max.retries=3
compression.codec=none
queue.buffering.max.ms=7
max.in.flight.requests.per.connection=1
ssl.ca.pem=-----BEGIN CERTIFICATE-----
socket.connection.setup.timeout.ms=2000`
    assert.deepEqual(valuesOf('cluster', text), {
      brokers: 'k:9092',
      ca: '-----BEGIN CERTIFICATE-----',
      connectTimeoutMs: '2000',
    })
    assert.deepEqual(valuesOf('sink', text), { maxRetries: '3', compression: 'none', lingerMs: '7' })
  })

  it('lists as not applied what no field stands for or takes', () => {
    const lines = outcomes(
      'cluster',
      `transactional.id=t
ssl.cipher.suitesx=a
constructor=1
sasl.mechanism=GSSAPI
compression.type=brotli
partitioner=fnv1a
bootstrap.servers=k:99999
ssl.key.pem=-----BEGIN PRIVATE KEY-----
ssl.endpoint.identification.algorithm=other`,
    )
    assert.equal(lines['transactional.id'], 'unknown')
    assert.equal(lines['ssl.cipher.suitesx'], 'unknown')
    assert.equal(lines.constructor, 'unknown')
    assert.match(lines['sasl.mechanism']!, /^refused saslMechanism must be one of none, PLAIN/)
    assert.match(lines['compression.type']!, /^refused compression must be one of none, gzip/)
    assert.match(lines.partitioner!, /^refused partitioner must be one of murmur2, consistent/)
    assert.match(lines['bootstrap.servers']!, /^refused brokers must be addresses/)
    assert.match(lines['ssl.key.pem']!, /^refused key must be the path of a file/)
    assert.equal(lines['ssl.endpoint.identification.algorithm'], 'unknown')
  })

  it('does not take GSSAPI for none where a mechanism is wanted and not named', () => {
    const text = '{"security.protocol": "sasl_plaintext", "bootstrap.servers": "k:1"}'
    assert.match(outcomes('cluster', text)['security.protocol']!, /^refused saslMechanism must be one of/)
    assert.deepEqual(valuesOf('cluster', text), { brokers: 'k:1' })
  })

  it('does not sign in where the protocol says that the client would not have', () => {
    const text = "{'security.protocol': 'SSL', 'sasl.mechanism': 'PLAIN', 'sasl.username': 'u', 'sasl.password': 'p'}"
    assert.deepEqual(valuesOf('cluster', text), { useTls: 'true', saslMechanism: 'none' })
    assert.equal(outcomes('cluster', text)['sasl.username'], 'noted noSignIn')
    assert.deepEqual(valuesOf('cluster', "{'sasl.mechanism': 'plain', 'sasl.username': 'u'}"), {
      saslMechanism: 'PLAIN',
      user: 'u',
    })
  })

  it('takes no retries, and retries for ever, for what they mean', () => {
    assert.equal(outcomes('sink', 'retries=0').retries, 'noted noRetries')
    assert.deepEqual(valuesOf('sink', 'retries=2147483647'), { maxRetries: '0' })
  })

  it('takes what is said of TLS, with the commas of Java too', () => {
    const text = `ssl.keystore.location=/etc/kafka/client.p12
ssl.keystore.password=geheim
ssl.cipher.suites=TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256
ssl.curves.list=X25519:P-256
ssl.sigalgs.list=rsa_pss_rsae_sha256
ssl.endpoint.identification.algorithm=none`
    assert.deepEqual(valuesOf('cluster', text), {
      keystorePath: '/etc/kafka/client.p12',
      keystorePassword: 'geheim',
      ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256',
      ecdhCurve: 'X25519:P-256',
      sigalgs: 'rsa_pss_rsae_sha256',
      checkServerIdentity: 'false',
    })
    const java = 'ssl.keystore.location=store\nssl.keystore.type=PKCS12\nssl.keystore.password=geheim'
    assert.deepEqual(valuesOf('cluster', java), { keystorePath: 'store', keystorePassword: 'geheim' })
  })

  it('passes variables on', () => {
    const text = 'bootstrap.servers=${KAFKA}\nsecurity.protocol=${PROTOCOL}\nlinger.ms=${LINGER}\nsasl.username=${USER}'
    assert.deepEqual(valuesOf('cluster', text), { brokers: '${KAFKA}', user: '${USER}' })
    assert.deepEqual(valuesOf('sink', text), { lingerMs: '${LINGER}' })
  })
})

describe('the import of a sign-in with tokens', () => {
  const expected = {
    brokers: 'k:9093',
    useTls: 'true',
    saslMechanism: 'OAUTHBEARER',
    tokenUrl: 'https://login/token',
    tokenClientId: 'rowline',
    tokenClientSecret: 's',
    tokenScope: 'kafka write',
  }

  it('takes the names of librdkafka', () => {
    const text = `{"bootstrap.servers": "k:9093", "security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER",
      "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.token.endpoint.url": "https://login/token",
      "sasl.oauthbearer.client.id": "rowline", "sasl.oauthbearer.client.secret": "s",
      "sasl.oauthbearer.scope": "kafka write", "sasl.oauthbearer.extensions": "logicalCluster=lkc-1,pool=p"}`
    assert.deepEqual(valuesOf('cluster', text), { ...expected, tokenExtensions: 'logicalCluster=lkc-1,pool=p' })
    assert.equal(outcomes('cluster', 'sasl.oauthbearer.method=default')['sasl.oauthbearer.method'], 'unknown')
  })

  it('takes the login module of Java', () => {
    const text = `bootstrap.servers=k:9093
security.protocol=SASL_SSL
sasl.mechanism=OAUTHBEARER
sasl.oauthbearer.token.endpoint.url=https://login/token
sasl.jaas.config=o.a.k.OAuthBearerLoginModule required clientId="rowline" clientSecret="s" scope="kafka write" extension_logicalCluster="lkc-1";`
    assert.deepEqual(valuesOf('cluster', text), { ...expected, tokenExtensions: 'logicalCluster=lkc-1' })
    assert.equal(outcomes('cluster', 'sasl.jaas.config=x required username="u";')['sasl.jaas.config'], 'unknown')
  })
})

describe('the import of Java properties', () => {
  const java = `bootstrap.servers = k1:9093
security.protocol = SASL_SSL
sasl.mechanism = PLAIN
sasl.jaas.config = org.apache.kafka.common.security.plain.PlainLoginModule required \\
    username="alice" password="a\\\\"b";
ssl.truststore.type = PEM
ssl.truststore.location = ca.pem
ssl.keystore.type = PEM
ssl.keystore.location = client.pem
ssl.key.password = k
ssl.endpoint.identification.algorithm = https
max.request.size = 1500000
delivery.timeout.ms = 180000
request.timeout.ms = 20000
buffer.memory = 33554432
retry.backoff.max.ms = 4000
key.serializer = org.apache.kafka.common.serialization.StringSerializer
value.serializer = io.confluent.kafka.serializers.json.KafkaJsonSchemaSerializer
schema.registry.url = https://registry:8081
basic.auth.user.info = reader:pass:word
auto.register.schemas = false
use.latest.version = true`

  it('fills both nodes', () => {
    assert.deepEqual(valuesOf('cluster', java), {
      brokers: 'k1:9093',
      useTls: 'true',
      saslMechanism: 'PLAIN',
      user: 'alice',
      password: 'a"b',
      ca: 'ca.pem',
      cert: 'client.pem',
      key: 'client.pem',
      passphrase: 'k',
      checkServerIdentity: 'true',
    })
    assert.deepEqual(valuesOf('sink', java), {
      maxMessageBytes: '1500000',
      deliveryTimeoutMs: '180000',
      requestTimeoutMs: '20000',
      maxRetryBackoffMs: '4000',
      valueFormat: 'json-schema',
      schemaRegistryUrl: 'https://registry:8081',
      schemaRegistryUser: 'reader',
      schemaRegistryPassword: 'pass:word',
      autoRegister: 'false',
      schemaVersion: 'latest',
    })
    assert.equal(outcomes('sink', java)['key.serializer'], 'noted serializer')
  })

  it('leaves out key stores in a format of Java and serializers that are not ours', () => {
    const lines = outcomes(
      'cluster',
      `ssl.truststore.location=trust.jks
ssl.keystore.location=key.jks
ssl.keystore.password=geheim
value.serializer=io.confluent.kafka.serializers.KafkaAvroSerializer`,
    )
    assert.deepEqual(Object.values(lines), ['unknown', 'unknown', 'unknown', 'unknown'])
  })

  it('gives values that the nodes take as they are', () => {
    for (const text of [java, librdkafka]) {
      for (const [node, fields] of [
        ['cluster', clusterFields as Fields],
        ['sink', { ...sinkFields, cluster: sinkFields.topic } as Fields],
      ] as const)
        assert.deepEqual(parseFields(fields, { ...valuesOf(node, text) }).problems, [])
    }
  })
})

it('says where a text cannot be read', () => {
  const result = importSettings('sink', "{'a': b['c']}")
  assert.ok(result instanceof Problem)
  assert.match(result.text, /^cannot be read at/)
})
