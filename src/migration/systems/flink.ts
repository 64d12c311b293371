import { type System, to, told } from '../option.ts'

const source = (property: string) => `mqtt-v3-source.${property}`
const decoder = (property: string) => `row-decoder.${property}`
const aboutTls = "With `'ssl' = 'true'` only."

/** The table connector `mqtt-v3` of Flink SQL. Read by src/rows/connector-options.ts and src/rows/with-clause.ts. */
export const flink: System = {
  key: 'flink',
  title: 'Flink SQL, connector mqtt-v3',
  about: `*Import table…* in the main menu of the editor takes the whole \`CREATE TABLE … WITH (…)\` and makes or updates *mqtt v3
source*, *mqtt v3 in*, *row schema* and *row decoder*. What has another effect here is listed. An option that the connector
does not know, such as one with a typing error, is refused and named.`,
  importedBy: 'table',
  sinks: [],
  options: [
    told('connector', [], '`mqtt-v3`, or its old name `mqtt`. Another one is refused.'),
    to('broker.host', source('host'), 'The same. *Further brokers* takes more.', 'h'),
    to('broker.port', source('port'), 'Left empty: 1883, or 8883 with TLS. From 1 to 65535.', '1884'),
    to(
      'topic',
      'mqtt-v3-in.subscriptions[].filter',
      'As many filters as you like, each with its own QoS, route and target.',
      'a/#',
    ),
    told(
      'format',
      [decoder('format')],
      '`json` becomes `json-row`. There are seven more formats, among them CBOR and Sparkplug B.',
    ),
    to(
      'client.id',
      source('clientId'),
      'Left empty: an id that is stable for this node and differs between gateways. The connector crashes without one.',
      'c',
    ),
    to('qos', 'mqtt-v3-in.subscriptions[].qos', 'One for each filter; 0, 1 or 2, nothing else.', '2'),
    to('username', source('user'), 'Stored encrypted.', 'u'),
    to('password', source('password'), 'Stored encrypted, never in the flow file.', 'p'),
    to(
      'automatic-reconnect',
      source('autoReconnect'),
      'The same; it subscribes again too. See *First reconnect after*.',
      'false',
    ),
    to(
      'clean-session',
      source('clean'),
      'Off unless you say otherwise: on loses what is published while the connection is down.',
      'false',
    ),
    to('ssl', source('useTls'), 'Needs no trust store: left empty, the authorities of the system count.', 'true'),
    to(
      'ssl.truststore.path',
      source('truststorePath'),
      `${aboutTls} PKCS12, JKS or PEM, found out by how the file begins.`,
      '/t.p12',
    ),
    to('ssl.truststore.password', source('truststorePassword'), `${aboutTls} Stored encrypted.`, 's'),
    to('ssl.keystore.path', source('keystorePath'), `${aboutTls} PKCS12, JKS or PEM.`, '/k.p12'),
    to('ssl.keystore.password', source('keystorePassword'), `${aboutTls} Stored encrypted.`, 's'),
    to('ssl.key.password', source('keyPassword'), 'Left empty: the password of the key store.', 's'),
    to(
      'ssl.protocol.version',
      source('tlsMinVersion'),
      '`TLS` means 1.2 or newer. TLSv1 and TLSv1.1 are not imported: choose them in the form where a broker knows nothing else. *Newest TLS* is a field of its own.',
      'TLSv1.3',
    ),
    to(
      'ssl.cipher.suites',
      source('ciphers'),
      'The connector never applies it; here it acts. OpenSSL, IANA and Java names; an unknown one is an error at deploy.',
      'TLS_AES_256_GCM_SHA384',
    ),
    to('connection.timeout', source('connectTimeoutMs'), 'Seconds there; here with a unit, such as `30 s`.', '5'),
    to('keep.alive.interval', source('keepalive'), 'The same, in seconds.', '30'),
    to('max.reconnect.delay', source('maxReconnectDelayMs'), 'The connector never applies it; here it acts.', '4'),
    told(
      'executor.service.threads',
      [],
      'Not needed: use *Connections* of the *mqtt v3 source*. *Window records* of the *mqtt v3 in* bounds what is under way. The connector never applies it.',
    ),
    to('last.will.topic', source('willTopic'), 'The same.', 'w'),
    to(
      'last.will.message',
      source('willPayload'),
      'UTF-8. An empty one is a will too, which with *Retain will* deletes the retained message; the connector then sets none.',
      'm',
    ),
    to('last.will.qos', source('willQos'), 'The same.', '2'),
    to('last.will.retain', source('willRetain'), 'The same.', 'true'),
    to(
      'json.fail-on-missing-field',
      decoder('failOnMissingField'),
      'The same. A rejected reading leaves at output 2 and stops nothing.',
      'true',
    ),
    to(
      'json.ignore-parse-errors',
      decoder('ignoreParseErrors'),
      'The same; together with the one above it is an error here too.',
      'true',
    ),
    to(
      'json.timestamp-format.standard',
      decoder('timestampFormat'),
      '`RFC-3339` besides: any offset, and milliseconds since 1970.',
      'ISO-8601',
    ),
    told('json.map-null-key.mode', [], 'Only for writing JSON: a key of an object is never null.'),
    told('json.map-null-key.literal', [], 'Only for writing JSON: a key of an object is never null.'),
    told(
      'json.encode.decimal-as-plain-number',
      [],
      'Only for writing JSON: decimals are always written plainly, with every digit.',
    ),
    told('json.encode.ignore-null-fields', [], 'Only for writing JSON: a column without a value is written as null.'),
    told('json.decode.json-parser.enabled', [], 'There is one decoder.'),
  ],
}
