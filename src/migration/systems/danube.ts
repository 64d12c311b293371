import { flag, listOf, type Meaning, needless, option, type System, textOf, to, told, unit } from '../option.ts'
import { quality, readRoutes, readSchemas, receipt, routes, rowPlaces, rows, schemas } from './danube-tables.ts'

const source = (property: string) => `mqtt-v3-source.${property}`
export const danube: System = {
  key: 'danube',
  title: 'danube: source-mqtt',
  about: `*Import settings of another program…* takes the TOML file, or the environment block, or both with a line
\`---\` between them. Choose the sink that is to be made: Danube itself is not among them.`,
  importedBy: 'nodes',
  sinks: [],
  options: [
    needless(
      ['DANUBE_SERVICE_URL', 'danube_service_url'],
      'target',
      'The target is another one here: see the form of the sink.',
    ),
    needless(['CONNECTOR_CONFIG_PATH'], 'file', 'Paste what stands in that file.'),
    to(['CONNECTOR_NAME', 'connector_name'], 'mqtt-v3-in.name', 'The name of the node.', 'reader'),
    to(['MQTT_BROKER_HOST', 'mqtt.broker_host'], source('host'), 'The same.', 'broker.plant'),
    to(['MQTT_CLIENT_ID', 'mqtt.client_id'], source('clientId'), 'May be left empty.', 'reader-1'),
    to(['MQTT_BROKER_PORT', 'mqtt.broker_port'], source('port'), 'What is no number is an error and not 1883.', '1884'),
    to(['MQTT_USERNAME', 'mqtt.username'], source('user'), 'May stand without a password.', 'reader'),
    to(['MQTT_PASSWORD', 'mqtt.password'], source('password'), 'Stored encrypted, never in the flow file.', 'secret'),
    to(['MQTT_USE_TLS', 'mqtt.use_tls'], source('useTls'), 'Ignored there; here it acts.', 'true', flag),
    to('mqtt.ca_cert_path', source('ca'), 'Only in the comments of the original; here it acts.', '/ca.pem'),
    to('mqtt.client_cert_path', source('cert'), 'Only in the comments of the original; here it acts.', '/client.pem'),
    to('mqtt.client_key_path', source('key'), 'Only in the comments of the original; here it acts.', '/client.key'),
    option(['MQTT_TOPICS', 'mqtt.topics'], [rows('filter')], 'A row each.', 'a/#, b/#', (value) => ({
      set: { [rows('filter')]: listOf(value) },
    })),
    to(
      ['MQTT_QOS', 'mqtt.qos'],
      rows('qos'),
      'One for each filter. What is not 0, 1 or 2 is an error and not 1.',
      '2',
      quality,
    ),
    to(
      'MQTT_DANUBE_TOPIC',
      rows('to'),
      'A template with `{topic}` (as received), `{filter}` (`+` and `#` written as `any` and `all`) and `{route}`.',
      '/plant/readings',
    ),
    to(['MQTT_KEEP_ALIVE_SECS', 'mqtt.keep_alive_secs'], source('keepalive'), 'The same, in seconds.', '30'),
    to(
      ['MQTT_CONNECTION_TIMEOUT_SECS', 'mqtt.connection_timeout_secs'],
      source('connectTimeoutMs'),
      'Ignored there; here it acts.',
      '20',
      unit('s'),
    ),
    to(
      ['MQTT_CLEAN_SESSION', 'mqtt.clean_session'],
      source('clean'),
      'Off unless you say otherwise: on loses what is published while the connection is down.',
      'false',
      flag,
    ),
    option(
      ['MQTT_INCLUDE_METADATA', 'mqtt.include_metadata'],
      ['kafka-sink.includeMetadata', 'pubsub-sink.includeMetadata'],
      'Of these two sinks. The key has a field of its own, *Key*.',
      'false',
      (value) => ({
        set: { 'kafka-sink.includeMetadata': flag(textOf(value)), 'pubsub-sink.includeMetadata': flag(textOf(value)) },
      }),
    ),
    to(
      ['MQTT_MAX_PACKET_SIZE', 'mqtt.max_packet_size'],
      source('maxPacketSize'),
      'A larger packet is a rejected reading and not a loop of reconnects.',
      '1048576',
      unit('B'),
    ),
    to(
      ['RELIABLE_DISPATCH', 'mqtt.reliable_dispatch'],
      'mqtt-v3-in.acknowledge',
      '`true` becomes `afterFlow`, `false` `onReceipt`. QoS 0 is never acknowledged; an outbox stores it like the others.',
      'true',
      receipt,
    ),
    needless(
      ['POLL_INTERVAL_MS', 'processing.poll_interval_ms'],
      'poll',
      'Not needed: readings are handed on as they come.',
    ),
    option(
      ['LOG_LEVEL', 'processing.log_level', 'RUST_LOG'],
      ['mqtt-v3-in.logLevel', 'sink.logLevel'],
      '`debug` and `trace` become `debug`, a line for each reading; the rest `info`. `logging.console.level` in settings.js says what is shown of it.',
      'debug',
      (value) => logLevel(/\b(debug|trace)\b/i.test(textOf(value)) ? 'debug' : 'info'),
    ),
    needless(['tcp_nodelay', 'mqtt.tcp_nodelay'], 'noDelay', 'Not needed: it is always on.'),
    option(
      ['mqtt.routes', 'mqtt.topic_mappings'],
      Object.values(rowPlaces),
      'Rows, the first match wins. See the five below.',
      [{ from: 'a/+', to: '/iot/a', qos: 'ExactlyOnce', partitions: '4', reliable_dispatch: 'true' }],
      readRoutes,
      { columns: Object.values(routes).flat() },
    ),
    told(['routes[].from', 'topic_mappings[].mqtt_topic'], [rows('filter')], 'The same.'),
    told(
      ['routes[].to', 'topic_mappings[].danube_topic'],
      [rows('to')],
      'Placeholders besides. A sink writes its slashes as the target asks for.',
    ),
    told('routes[].qos', [rows('qos')], '`AtMostOnce` is 0, `AtLeastOnce` 1, `ExactlyOnce` 2.'),
    told(
      'routes[].partitions',
      [rows('partitions')],
      'Of a topic that the sink creates; 0 becomes empty. *Partitions* of the *kafka sink* is the default.',
    ),
    told(
      'routes[].reliable_dispatch',
      ['mqtt-v3-in.acknowledge'],
      'For the whole *mqtt v3 in*: where routes differ the import takes `afterFlow`, which loses nothing. Take two nodes for two ways.',
    ),
    to(
      'retry.max_retries',
      'sink.maxRetries',
      'Not used by sources there; here it acts. 0 repeats for ever, which is the default.',
      '3',
    ),
    to(
      'retry.retry_backoff_ms',
      'sink.retryBackoffMs',
      'Doubles, varied by half up and down, as there.',
      '1000',
      unit('ms'),
    ),
    to('retry.max_backoff_ms', 'sink.maxRetryBackoffMs', 'The same.', '30000', unit('ms')),
    to('processing.batch_size', 'sink.batchRecords', 'The same.', '1000'),
    to('processing.batch_timeout_ms', 'sink.lingerMs', 'The same.', '1000', unit('ms')),
    {
      ...needless(
        'processing.metrics_port',
        'metrics',
        'There is no server there. Here /rowline/metrics is on the server of Node-RED, or on a port of its own: settings.js.',
      ),
      here: ['settings.metricsPort'],
    },
    option(
      'schemas',
      ['row-decoder.format', 'kafka-sink.autoRegister', 'kafka-sink.schemaVersion'],
      'Clients only write there, and the broker checks; here the *row decoder* checks. See the six below.',
      [
        {
          topic: '/iot/a',
          subject: 's',
          schema_type: 'json_schema',
          auto_register: 'false',
          version_strategy: { minimum: '2' },
        },
      ],
      readSchemas,
      { columns: schemas },
    ),
    told(
      'schemas[].topic',
      ['row-decoder.routes[].route'],
      'A schema for each route of the source: choose it in the form.',
    ),
    told(
      'schemas[].subject',
      ['kafka-sink.subjectStrategy', 'kafka-sink.subject'],
      'Follows from the Kafka topic, or is the *Record name*: choose it in the form.',
    ),
    told(
      'schemas[].schema_type',
      ['row-decoder.format'],
      '`json_schema` becomes `json-schema`, `string` `text`, `bytes` `raw`, `number` and `avro` (which there is JSON) `json`. `protobuf` is refused, as there.',
    ),
    told('schemas[].schema_file', ['row-schema.jsonSchema'], 'Paste the text of the file.'),
    told('schemas[].auto_register', ['kafka-sink.autoRegister'], 'The same.'),
    told(
      'schemas[].version_strategy',
      ['kafka-sink.schemaVersion'],
      '`latest`; pinned n becomes `n`, minimum n `>=n`.',
    ),
  ],
}

const logLevel = (level: string): Meaning => ({ set: { 'mqtt-v3-in.logLevel': level, 'sink.logLevel': level } })
