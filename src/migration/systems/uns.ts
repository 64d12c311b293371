import { readSettings } from '../../config/settings-text.ts'
import { Problem } from '../../core/problem.ts'
import { meaningOf } from '../../sinks/kafka/import-rules.ts'
import { flag, listOf, type Meaning, needless, not, option, type System, textOf, to, told } from '../option.ts'
import { isTable, type Pasted, type PastedTable } from '../pasted.ts'
import { migrationProblems } from '../problems.ts'

const source = (property: string) => `mqtt-v3-source.${property}`
const ignored = 'row-decoder.ignoredAttributes[]'

export const uns: System = {
  key: 'uns',
  title: 'Unified namespace bridge: uns_kafka',
  about: `*Import settings of another program…* takes \`settings.yaml\`, \`.secrets.yaml\`, and the environment (\`UNS_mqtt__host=…\`); several
with a line \`---\` between them. What stands in \`kafka.config\` is in the next table. Example *12 UNS to Kafka* is a whole flow. Records
are rows as JSON, with a key, where the original writes the text of a Python object without one.`,
  importedBy: 'nodes',
  sinks: ['kafka-sink'],
  nameOf: (pasted) => pasted.toLowerCase().replace(/^uns_/, '').replaceAll('__', '.'),
  options: [
    to('mqtt.host', source('host'), 'Missing is red at deploy.', 'broker.plant'),
    to('mqtt.port', source('port'), 'From 1 to 65535.', '1884'),
    option(
      'mqtt.topics',
      ['mqtt-v3-in.subscriptions[].filter'],
      'A row each. Not only Sparkplug topics.',
      ['test/uns/#', 'a/#'],
      (value) => ({ set: { 'mqtt-v3-in.subscriptions[].filter': listOf(value) } }),
    ),
    to('mqtt.qos', 'mqtt-v3-in.subscriptions[].qos', 'One for each filter.', '2'),
    to('mqtt.keep_alive', source('keepalive'), 'The same, in seconds.', '30'),
    to('mqtt.reconnect_on_failure', source('autoReconnect'), 'The same.', 'true', flag),
    to('mqtt.version', source('protocolVersion'), 'The same numbers; `auto` besides.', '5'),
    option(
      'mqtt.clean_session',
      [source('clean')],
      'Not with MQTT 5 there; here with every version. *Session expiry* says how long an MQTT 5 broker keeps the session.',
      'false',
      readClean,
    ),
    option(
      'mqtt.transport',
      [source('protocol')],
      '`websockets` is `ws`, at *WebSocket path*.',
      'websockets',
      (value) => ({ set: { [source('protocol')]: textOf(value) === 'websockets' ? 'ws' : textOf(value) } }),
    ),
    option(
      'mqtt.ignored_attributes',
      [`${ignored}.filter`, `${ignored}.attributes`, 'row-decoder.format'],
      'A row for each filter, with commas between the attributes. *Format* becomes `json`, which needs no schema: for Sparkplug topics choose `sparkplug-b`.',
      { 'test/uns/#': ['timestamp', 'a.b'], 'a/+': 'x' },
      readIgnored,
    ),
    to(
      'mqtt.timestamp_attribute',
      'kafka-sink.timestampAttribute',
      'Not used by that bridge; here it acts. What is missing, too old or in the future has the time of receipt.',
      'timestamp',
    ),
    to('mqtt.username', source('user'), 'May stand without a password.', 'reader'),
    to('mqtt.password', source('password'), 'Stored encrypted, never in the flow file.', 'secret'),
    option(
      'mqtt.tls.ca_certs',
      [source('ca'), source('useTls')],
      'There no `ca_certs` means no TLS at all, silently. Here *Use TLS* says so; the import switches it on.',
      '/ca.pem',
      (value) => ({ set: { [source('ca')]: textOf(value), [source('useTls')]: 'true' } }),
    ),
    to('mqtt.tls.certfile', source('cert'), 'The same.', '/client.pem'),
    to('mqtt.tls.keyfile', source('key'), 'The same.', '/client.key'),
    to('mqtt.tls.keyfile_password', source('passphrase'), 'Stored encrypted.', 'secret'),
    to(
      'mqtt.tls.cert_reqs',
      source('rejectUnauthorized'),
      'On unless you say otherwise; there the certificate is not checked unless you ask for it.',
      'true',
      flag,
    ),
    to('mqtt.tls.ciphers', source('ciphers'), 'OpenSSL, IANA and Java names.', 'ECDHE-RSA-AES256-GCM-SHA384'),
    to('mqtt.tls.insecure_cert', source('checkServerIdentity'), 'The other way round: true becomes off.', 'true', not),
    option(
      'kafka.config',
      ['kafka-cluster.brokers', 'kafka-cluster.clientId'],
      'Connection and sign-in in the *kafka cluster*, the rest in the *kafka sink*: see the next table.',
      { 'bootstrap.servers': 'k:9092', 'client.id': 'c' },
      readKafka,
      { each: readKafkaSetting },
    ),
    needless('dynaconf_merge', 'merging', 'Flows have no layers. Take a value from the environment by `${NAME}`.'),
    told(
      'environment `UNS_*`',
      [],
      'Imported by its names; afterwards take a value from the environment by `${NAME}` in any field.',
    ),
    told(
      'client id `uns_kafka_listener-<time>-<random>`',
      [source('clientId')],
      'Stable: what is published while the bridge is away waits at the broker.',
    ),
  ],
}

function readClean(value: Pasted, settings: (name: string) => string | undefined): Meaning {
  if (textOf(value) === '') return { notice: 'noSession' }
  return settings('mqtt.version') === '5' && flag(textOf(value)) !== 'true' && flag(textOf(value)) !== 'false'
    ? { notice: 'noSession' }
    : { set: { [source('clean')]: flag(textOf(value)) } }
}

function readIgnored(value: Pasted): Meaning {
  if (!isTable(value)) return migrationProblems.of('filters')
  const entries = Object.entries(value)
  return {
    set: {
      [`${ignored}.filter`]: entries.map(([filter]) => filter),
      [`${ignored}.attributes`]: entries.map(([, names]) => listOf(names).join(', ')),
      'row-decoder.format': 'json',
    },
  }
}

/** Where it is one text: a dictionary in an environment variable. */
function readKafka(value: Pasted): Meaning {
  return typeof value === 'string' && readSettings(value.replace(/^@json\s*/, '')) instanceof Problem
    ? migrationProblems.of('dictionary')
    : { set: {} }
}

/** As *Import settings* of the Kafka nodes has it. */
export function readKafkaSetting(name: string, value: string, settings: PastedTable): Meaning {
  const all = new Map(Object.entries(settings).map(([key, one]) => [key, textOf(one)]))
  const meaning = meaningOf(name, value, all)
  if (meaning === undefined) return undefined
  if ('notice' in meaning) return { notice: `kafka:${meaning.notice}` }
  const type = meaning.node === 'cluster' ? 'kafka-cluster' : 'kafka-sink'
  return { set: Object.fromEntries(Object.entries(meaning.values).map(([field, one]) => [`${type}.${field}`, one])) }
}
