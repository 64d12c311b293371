import { fieldProblems } from '../../config/fields.ts'
import { readBrokerUrl } from '../broker-url.ts'
import { colons, flag, type Meaning, needless, option, type System, textOf, to, told, unit } from '../option.ts'
import { migrationProblems } from '../problems.ts'

const source = (property: string) => `mqtt-v3-source.${property}`
/** Flink's and Spark's setting of one thing. */
const client = (name: string) => [`spark.mqtt.${name}`, `flink.mqtt.${name}`]
const forEver = (attempts: string) => (attempts === '-1' ? '0' : attempts)

export const bahir: System = {
  key: 'bahir',
  title: 'Bahir: Spark SQL streaming and Flink',
  about: `*Import settings of another program…* takes the options as properties, as a dictionary, or as the calls of the program
(\`.option("brokerUrl", "tcp://…")\`, \`config.put(…)\`, \`setProperty(…)\`); upper and lower case do not differ. Choose the sink that
is to be made.`,
  importedBy: 'nodes',
  sinks: [],
  nameOf: (pasted) => pasted.toLowerCase(),
  options: [
    option(
      ['brokerUrl', 'path'],
      ['host', 'port', 'protocol', 'useTls'].map(source),
      'One address there, parts here: `tcp` becomes MQTT, `ssl` MQTT with TLS. WebSockets too.',
      'ssl://broker.plant:8883',
      (value) => readBrokerUrl(textOf(value)),
    ),
    option(
      'persistence',
      ['sink.delivery'],
      '`memory` becomes `confirm`: nothing is stored here, and what is unconfirmed stays with the broker. Everything else is a store on disk: `outbox`.',
      'memory',
      (value) => ({ set: { 'sink.delivery': textOf(value) === 'memory' ? 'confirm' : 'outbox' } }),
    ),
    to(
      'localStorage',
      'sink.outboxPath',
      'Left empty: a folder in the user directory of Node-RED, not the current one.',
      '/var/lib/rowline',
    ),
    to('topic', 'mqtt-v3-in.subscriptions[].filter', 'As many filters as you like.', 'plant/#'),
    to(
      'clientId',
      source('clientId'),
      'Left empty: an id that is stable, so that the session is found again. *mqtt v3 out* takes `<client id>-out`.',
      'reader-1',
    ),
    to('QoS', 'mqtt-v3-in.subscriptions[].qos', 'One for each filter.', '2'),
    to('username', source('user'), 'May stand without a password.', 'reader'),
    to('password', source('password'), 'Stored encrypted, never in the flow file.', 'secret'),
    to(
      'cleanSession',
      source('clean'),
      'Off unless you say otherwise: on drops what waits at the broker.',
      'false',
      flag,
    ),
    to(
      'connectionTimeout',
      source('connectTimeoutMs'),
      'Seconds there; here with a unit. 0 waits for ever, here too.',
      '20',
      unit('s'),
    ),
    to('keepAlive', source('keepalive'), 'The same, in seconds.', '30'),
    option(
      'mqttVersion',
      [source('protocolVersion')],
      '0 (3.1.1, then 3.1) becomes `auto`, which tries MQTT 5 first.',
      '3',
      (value) => ({ set: { [source('protocolVersion')]: textOf(value) === '0' ? 'auto' : textOf(value) } }),
    ),
    to(
      'maxInflight',
      'mqtt-v3-out.maxInflight',
      'Of what is published. What is received is bounded by *Receive maximum* (MQTT 5) and *Window records*.',
      '20',
    ),
    to('autoReconnect', source('autoReconnect'), 'On unless you say otherwise.', 'true', flag),
    to(
      'ssl.protocol',
      source('tlsMinVersion'),
      'The oldest version. `TLS` and `SSL` mean 1.2 or newer.',
      'TLSv1.3',
      (name) => (/^(TLS|SSL)$/i.test(name) ? 'TLSv1.2' : name),
    ),
    to('ssl.key.store', source('keystorePath'), 'PKCS12, JKS or PEM.', '/k.jks'),
    to('ssl.key.store.password', source('keystorePassword'), 'Stored encrypted.', 'secret'),
    option(
      'ssl.key.store.type',
      [source('keystoreType')],
      'Usually not needed. JCEKS: convert it with `keytool -importkeystore -deststoretype PKCS12`.',
      'JKS',
      storeType('keystoreType'),
    ),
    to(
      'ssl.trust.store',
      source('truststorePath'),
      'PKCS12, JKS or PEM. Left empty: the authorities of the system.',
      '/t.jks',
    ),
    to('ssl.trust.store.password', source('truststorePassword'), 'Stored encrypted.', 'secret'),
    option('ssl.trust.store.type', [source('truststoreType')], 'As above.', 'PKCS12', storeType('truststoreType')),
    to('ssl.ciphers', source('ciphers'), 'OpenSSL, IANA and Java names.', 'TLS_AES_256_GCM_SHA384', colons),
    needless(
      ['ssl.key.store.provider', 'ssl.trust.store.provider'],
      'provider',
      'Not needed: Node.js has one provider. For FIPS start it with `--force-fips`.',
    ),
    needless(['ssl.key.manager', 'ssl.trust.manager'], 'manager', 'Not needed: it names an algorithm of Java.'),
    told('any other `ssl.*`', [], 'Listed as not applied. The original crashes.'),
    to('maxBatchMessageNum', 'sink.batchRecords', 'In every sink.', '500'),
    to('maxBatchMessageSize', 'sink.batchBytes', 'In every sink.', '65536', unit('B')),
    to(
      'maxRetryNum',
      'sink.maxRetries',
      'In every sink. 0 repeats for ever, which is the default and keeps readings through an outage.',
      '5',
    ),
    needless('autopruning.backlog', 'backlog', 'Not counted in messages: *Outbox size* and *Outbox age* of the sink.'),
    to(client('client.connect.attempts'), source('connectAttempts'), '-1 becomes 0: for ever.', '-1', forEver),
    to(
      client('client.connect.backoff'),
      source('reconnectPeriodMs'),
      'The upper bound of the first wait, which doubles; each is drawn at random below it.',
      '5000',
      unit('ms'),
    ),
    to(
      client('connection.cache.timeout'),
      source('idleTimeoutMs'),
      'Of a connection that is only published over; one that is read from is never closed.',
      '600000',
      unit('ms'),
    ),
    to(client('client.publish.attempts'), 'mqtt-v3-out.publishAttempts', '-1 becomes 0: for ever.', '-1', forEver),
    to(client('client.publish.backoff'), 'mqtt-v3-out.publishBackoffMs', 'The same.', '5000', unit('ms')),
    option(
      'setLogFailuresOnly',
      ['sink.onError'],
      '`false` (it throws, and the job starts again) becomes `retry`, `true` (it logs, and the record is lost) `dead-letter`, which keeps it.',
      'true',
      (value) => failures(flag(textOf(value))),
    ),
  ],
}

function storeType(property: string): (value: unknown) => Meaning {
  return (value) => {
    const type = String(value).trim().toUpperCase()
    if (type === 'JCEKS') return migrationProblems.of('jceks')
    return { set: { [source(property)]: type } }
  }
}

function failures(isLogged: string): Meaning {
  if (isLogged !== 'true' && isLogged !== 'false') return fieldProblems.of('flag')
  return { set: { 'sink.onError': isLogged === 'true' ? 'dead-letter' : 'retry' } }
}
