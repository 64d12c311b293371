import { option, type System } from '../option.ts'
import { readKafkaSetting } from './uns.ts'

const cluster = (...properties: string[]) => properties.map((property) => `kafka-cluster.${property}`)
const sink = (...properties: string[]) => properties.map((property) => `kafka-sink.${property}`)

const setting = (names: string | readonly string[], here: readonly string[], note: string, example: string) => {
  const [name] = [names].flat()
  return option(names, here, note, example, (value) =>
    readKafkaSetting(name!, String(value), { ...context, [name!]: value }),
  )
}

/** Of the settings that say something only together with another one. */
const context = { 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'PLAIN', 'ssl.keystore.location': 'k.p12' }

/** What src/sinks/kafka/import-rules.ts reads of `kafka.config`. */
export const librdkafka: System = {
  key: 'librdkafka',
  title: 'librdkafka: kafka.config of that bridge',
  about: `*Import settings* at the end of the forms of *kafka cluster* and *kafka sink* takes such a dictionary alone, and Java properties.
An empty text counts as not set. Every other key is listed as not applied.`,
  importedBy: 'form',
  sinks: ['kafka-sink'],
  options: [
    setting(['bootstrap.servers', 'metadata.broker.list'], cluster('brokers'), 'The same.', 'k1:9092,k2:9092'),
    setting('client.id', cluster('clientId'), 'Left empty: the name of the sink.', 'c'),
    setting(['acks', 'request.required.acks'], [], 'Always all in-sync replicas.', 'all'),
    setting('enable.idempotence', [], 'Always.', 'true'),
    setting(
      ['retries', 'message.send.max.retries'],
      sink('maxRetries'),
      'Counts failed connections too; 0 repeats for ever here and never there.',
      '10',
    ),
    setting('retry.backoff.ms', sink('retryBackoffMs'), 'Doubles with each retry.', '500'),
    setting(['compression.type', 'compression.codec'], sink('compression'), 'The same names.', 'gzip'),
    setting(['linger.ms', 'queue.buffering.max.ms'], sink('lingerMs'), 'Whole milliseconds.', '5'),
    setting('batch.size', sink('batchBytes'), 'The same.', '65536'),
    setting('batch.num.messages', sink('batchRecords'), 'The same.', '1000'),
    setting('message.max.bytes', sink('maxMessageBytes'), 'The same; a larger record leaves at output 2.', '2000000'),
    setting(
      ['queue.buffering.max.messages', 'queue.buffering.max.kbytes'],
      [],
      'What waits is on the disk: *Outbox size*.',
      '100000',
    ),
    setting(
      'message.timeout.ms',
      sink('deliveryTimeoutMs'),
      'After it a write is repeated and not given up. 0 becomes 1 h, the longest.',
      '60000',
    ),
    setting('request.timeout.ms', sink('requestTimeoutMs'), 'The same.', '20000'),
    setting(['max.in.flight', 'max.in.flight.requests.per.connection'], [], 'Always one: that keeps the order.', '5'),
    setting('partitioner', sink('partitioner'), '`consistent` or `murmur2`, `_random` with them.', 'consistent_random'),
    setting('transactional.id', [], 'Not applied: there are no transactions.', 't'),
    setting(
      'allow.auto.create.topics',
      sink('autoCreateTopics'),
      'The sink itself creates them, with partitions, replication and retention.',
      'false',
    ),
    setting('security.protocol', cluster('useTls', 'saslMechanism'), 'SSL is *Use TLS*, SASL *Sign in with*.', 'SSL'),
    setting(
      ['sasl.mechanisms', 'sasl.mechanism'],
      cluster('saslMechanism'),
      'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER. GSSAPI is refused.',
      'SCRAM-SHA-512',
    ),
    setting('sasl.username', cluster('user'), 'Stored encrypted.', 'u'),
    setting('sasl.password', cluster('password'), 'Stored encrypted, never in the flow file.', 'p'),
    setting(['ssl.ca.location', 'ssl.ca.pem'], cluster('ca'), 'A path or the text.', '/ca.pem'),
    setting(['ssl.certificate.location', 'ssl.certificate.pem'], cluster('cert'), 'A path or the text.', '/c.pem'),
    setting(
      ['ssl.key.location', 'ssl.key.pem'],
      cluster('key'),
      'A path only: whoever exports the flow would have the text.',
      '/k.pem',
    ),
    setting('ssl.key.password', cluster('passphrase'), 'Stored encrypted.', 'p'),
    setting('ssl.keystore.location', cluster('keystorePath'), 'A PKCS12 store.', '/k.p12'),
    setting('ssl.keystore.password', cluster('keystorePassword'), 'Stored encrypted.', 'p'),
    setting('ssl.cipher.suites', cluster('ciphers'), 'The same.', 'ECDHE-RSA-AES256-GCM-SHA384'),
    setting('ssl.curves.list', cluster('ecdhCurve'), 'The same.', 'P-256'),
    setting('ssl.sigalgs.list', cluster('sigalgs'), 'The same.', 'RSA+SHA256'),
    setting('enable.ssl.certificate.verification', cluster('rejectUnauthorized'), 'The same.', 'true'),
    setting('ssl.endpoint.identification.algorithm', cluster('checkServerIdentity'), '`none` becomes off.', 'none'),
    setting('debug', [], 'Of no use here: status and log say what happens.', 'all'),
    setting('statistics.interval.ms', [], 'Of no use here: see /rowline/metrics.', '5000'),
    setting('group.id', [], 'For consumers.', 'g'),
  ],
}
