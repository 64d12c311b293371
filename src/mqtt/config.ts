import {
  bytes,
  type ConfigOf,
  choice,
  duration,
  type FieldProblem,
  fieldProblems,
  flag,
  integer,
  node,
  optionalInteger,
  secret,
  table,
  text,
} from '../config/fields.ts'
import { logLevelField } from '../config/log-field.ts'
import { nameTemplateProblem } from '../core/metadata.ts'
import { Problem } from '../core/problem.ts'
import { mostPartitions } from '../core/record.ts'
import { filterProblem } from '../core/topic-filter.ts'
import { isHost } from './broker-address.ts'
import { brokerTlsFields } from './tls-fields.ts'

/** `host`, `host:port`, `[IPv6]:port`, separated by commas. */
export function addressesOf(list: string): readonly { readonly host: string; readonly port: number | undefined }[] {
  const parts = list.split(',').map((part) => part.trim())
  return parts
    .filter((part) => part !== '')
    .map((part) => {
      const [, host = '', port] = /^(?:\[([^\]]+)\]|[^:\s/]+)(?::(\d+))?$/.test(part)
        ? /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(part)!
        : []
      return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? undefined : Number(port) }
    })
}

export const mqttProblems = Problem.area('mqtt', {
  host: 'must be a name or an address alone: enter the port in "Port"',
  address: 'must be a name or an address, with a port from 1 to 65535 or none',
  path: 'must begin with / and have no spaces',
  headerName: 'must be the name of an HTTP header',
  headerValue: 'must be one line of ASCII',
  addresses: 'must be names or addresses, each with a port from 1 to 65535 or none',
  userNeeded: 'is needed with a password (MQTT 3.1.1)',
  longClientId: 'must not be longer than 23 characters (MQTT 3.1)',
  oneKeystore: 'is one way, "Client certificate" and "Client key" are the other: use one',
  tlsOrder: 'must not be older than "Oldest TLS"',
  keyNeeded: 'is needed with a client certificate',
})

const version5 = { field: 'protocolVersion', values: ['5', 'auto'] } as const

/** `mqtt-v3-source`: one broker and one session. */
export const sourceFields = {
  host: text({
    label: 'Broker',
    note: 'Host name or IP address of the MQTT broker.',
    placeholder: '192.168.1.10',
    check: (host) => (isHost(host) ? undefined : mqttProblems.of('host')),
  }),
  port: optionalInteger({
    label: 'Port',
    note: 'Left empty: 1883, or 8883 with TLS.',
    placeholder: '1883',
    min: 1,
    max: 65_535,
  }),
  protocol: choice({
    label: 'Transport',
    note: '"tcp" is what brokers listen to on 1883 and 8883. "ws" is MQTT inside WebSocket, for brokers behind a web server or proxy. With TLS it is wss.',
    values: ['tcp', 'ws'],
    default: 'tcp',
  }),
  wsPath: text({
    label: 'WebSocket path',
    note: 'Where the broker listens on that server.',
    default: '/mqtt',
    advanced: true,
    when: { field: 'protocol', values: ['ws'] },
    check: (path) => (/^\/[\x21-\x7e]*$/.test(path) ? undefined : mqttProblems.of('path')),
  }),
  wsHeaders: table({
    label: 'WebSocket headers',
    note: 'Sent with the request that opens the connection, as a proxy may ask for. Take secrets from the environment: ${NAME}.',
    advanced: true,
    when: { field: 'protocol', values: ['ws'] },
    columns: {
      name: text({
        label: 'Name',
        note: 'Of the header.',
        check: (name) => (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ? undefined : mqttProblems.of('headerName')),
      }),
      value: text({
        label: 'Value',
        note: 'What it says.',
        default: '',
        check: (value) => (/^[\t\x20-\x7e]*$/.test(value) ? undefined : mqttProblems.of('headerValue')),
      }),
    },
  }),
  protocolVersion: choice({
    label: 'MQTT version',
    note: '3.1.1 is what every broker speaks, 5 can do more, 3.1 is for old brokers. "auto" takes the newest that the broker accepts. In a flow file 3.1.1 is written 4, and 3.1 is 3.',
    values: ['4', '5', '3', 'auto'],
    valueLabels: { '4': '3.1.1', '3': '3.1' },
    default: '4',
  }),
  fallbacks: text({
    label: 'Further brokers',
    note: 'Where the session goes on when the broker cannot be reached: addresses with commas between them, with a port where it is another one. Each broker keeps a session of its own; what waits at one that is away comes when it is used again.',
    default: '',
    placeholder: '192.168.1.11, 192.168.1.12:1884',
    advanced: true,
    check: (list) =>
      addressesOf(list).every(({ host, port }) => host !== '' && (port === undefined || (port >= 1 && port <= 65_535)))
        ? undefined
        : mqttProblems.of('addresses'),
  }),
  user: secret({ label: 'User', note: 'Left empty: the broker is asked for anonymous access.', masked: false }),
  password: secret({ label: 'Password', note: 'Stored encrypted, never in the flow file.' }),
  ...brokerTlsFields,
  clientId: text({
    label: 'Client id',
    note: 'Left empty: an id that stays the same over restarts and differs between installations. Two clients with one id throw each other out.',
    default: '',
    advanced: true,
  }),
  clean: flag({
    label: 'Clean session',
    note: 'On: the broker forgets this client when the connection ends, and what is published meanwhile is lost.',
    default: false,
    advanced: true,
  }),
  sessionExpiryInterval: optionalInteger({
    label: 'Session expiry (s)',
    note: 'How long an MQTT 5 broker keeps the session, and what is published meanwhile, while this client is away. Left empty: for ever. Nothing with "Clean session" on.',
    min: 1,
    max: 4_294_967_294,
    advanced: true,
    when: version5,
  }),
  receiveMaximum: optionalInteger({
    label: 'Receive maximum',
    note: 'How many messages an MQTT 5 broker sends before it waits for an acknowledgement. Left empty: as many as the windows of the nodes take.',
    min: 1,
    max: 65_535,
    advanced: true,
    when: version5,
  }),
  topicAliasMaximum: integer({
    label: 'Topic aliases',
    note: 'How many topics an MQTT 5 broker may replace by numbers, which saves bytes on a thin line. 0: none.',
    default: 0,
    min: 0,
    max: 65_535,
    advanced: true,
    when: version5,
  }),
  maxPacketSize: bytes({
    label: 'Largest packet',
    note: 'Larger ones cannot be used. A 3.1.1 broker sends them: then the first 64 KiB go to output 2 as "too-large". An MQTT 5 broker is told the limit and does not send them at all.',
    default: 10 << 20,
    min: 1024,
    max: 268_435_460,
    advanced: true,
  }),
  keepalive: integer({
    label: 'Keepalive (s)',
    note: 'Seconds between signs of life; 0 sends none.',
    default: 60,
    min: 0,
    max: 65_535,
    advanced: true,
  }),
  connectTimeoutMs: duration({
    label: 'Connect timeout',
    note: 'How long the broker may take to answer. 0: for ever.',
    default: 30_000,
    min: 0,
    max: 600_000,
    advanced: true,
  }),
  reconnectPeriodMs: duration({
    label: 'First reconnect after',
    note: 'Upper bound of the first wait; it doubles with every failure. The wait is drawn at random below it, so that many gateways do not come back at the same moment.',
    default: 1000,
    min: 1,
    max: 600_000,
    advanced: true,
  }),
  maxReconnectDelayMs: duration({
    label: 'Longest reconnect wait',
    note: 'The wait before a new attempt never grows over this.',
    default: 120_000,
    min: 1,
    max: 3_600_000,
    advanced: true,
  }),
  autoReconnect: flag({
    label: 'Reconnect',
    note: 'Off: when the connection ends it is not taken up again before a deploy.',
    default: true,
    advanced: true,
  }),
  connectAttempts: integer({
    label: 'Connect attempts',
    note: 'After so many in a row that fail no more are made before a deploy. One of them tries every broker. 0: for ever.',
    default: 0,
    min: 0,
    max: 1_000_000,
    advanced: true,
  }),
  poolSize: integer({
    label: 'Connections',
    note: 'More than one share the messages ($share): more can be under way at a broker with a small window, but messages of one topic no longer keep their order, retained ones do not come, and what several topic filters match can be read twice. When you lower it, let the connections that go drain before.',
    default: 1,
    min: 1,
    max: 32,
    advanced: true,
  }),
  willTopic: text({
    label: 'Will topic',
    note: 'Where the broker says that this client has gone. Left empty: no will.',
    default: '',
    advanced: true,
  }),
  willPayload: text({
    label: 'Will message',
    note: 'Left empty: a message of zero length, which with retain deletes the retained one.',
    default: '',
    advanced: true,
  }),
  willQos: choice({
    label: 'Will QoS',
    note: 'Quality of service of the will.',
    values: ['0', '1', '2'],
    default: '1',
    advanced: true,
  }),
  willRetain: flag({
    label: 'Retain will',
    note: 'Keep the will for later subscribers.',
    default: false,
    advanced: true,
  }),
  willDelayInterval: optionalInteger({
    label: 'Will delay (s)',
    note: 'How long an MQTT 5 broker waits before it publishes the will: a connection that is back by then has not gone. Left empty: not at all.',
    min: 1,
    max: 4_294_967_294,
    advanced: true,
    when: version5,
  }),
  idleTimeoutMs: duration({
    label: 'Idle timeout',
    note: 'A connection that is only published over is closed when nothing was published for so long, and made again with the next message. One that is read from is never closed. 0: never.',
    default: 600_000,
    min: 0,
    max: 86_400_000,
    advanced: true,
  }),
}

export type SourceConfig = ConfigOf<typeof sourceFields>

export const subscriptionColumns = {
  filter: text({
    label: 'Topic filter',
    note: 'With + for one level and # for the rest.',
    placeholder: 'factory/+/line1/#',
    check: filterProblem,
  }),
  qos: choice({ label: 'QoS', note: 'Highest quality of service asked for.', values: ['0', '1', '2'], default: '1' }),
  route: text({ label: 'Route', note: 'A name for these readings: msg.route.', default: '' }),
  to: text({
    label: 'Target',
    note: 'Where a sink writes them: msg.to. Takes {topic}, {filter} and {route}.',
    default: '',
    check: (to) => nameTemplateProblem(to, ['{topic}', '{filter}', '{route}']),
  }),
  partitions: optionalInteger({
    label: 'Partitions',
    note: 'Of the target, where a sink creates it.',
    min: 1,
    max: mostPartitions,
  }),
}

export type Subscription = ConfigOf<typeof subscriptionColumns>

/** `mqtt-v3-in`: what is subscribed to and how it enters the flow. */
export const inFields = {
  source: node({ label: 'Source', note: 'The broker connection.', nodeType: 'mqtt-v3-source' }),
  subscriptions: table({
    label: 'Topic',
    note: 'What to subscribe to. The first row that matches a reading gives it its route and target.',
    columns: subscriptionColumns,
    required: true,
    mayBeEmpty: true,
  }),
  dynamic: flag({
    label: 'Control by message',
    note: 'The node gets an input: messages subscribe to more topics, unsubscribe those again, and connect or disconnect. Answers leave at output 3. Off: subscriptions made by message are given up.',
    default: false,
    advanced: true,
  }),
  output: choice({
    label: 'Output',
    note: '"reading" sends one message per reading. "batches" sends lists of readings, which costs about half of the CPU time; decoder and sinks take both.',
    values: ['reading', 'batches'],
    default: 'reading',
  }),
  batchRecords: integer({
    label: 'Batch records',
    note: 'Most readings in one batch.',
    default: 500,
    min: 1,
    max: 10_000,
    advanced: true,
    when: { field: 'output', values: ['batches'] },
  }),
  lingerMs: duration({
    label: 'Linger',
    note: 'How long a batch that is not full waits for more readings.',
    default: 5,
    min: 0,
    max: 60_000,
    advanced: true,
    when: { field: 'output', values: ['batches'] },
  }),
  acknowledge: choice({
    label: 'Acknowledge',
    note: '"afterFlow" tells the broker only when every branch of the flow has finished with a reading. "onReceipt" tells it at once, and loses what is in the flow when Node-RED stops.',
    values: ['afterFlow', 'onReceipt'],
    default: 'afterFlow',
    advanced: true,
  }),
  retained: choice({
    label: 'Retained',
    note: 'What the broker has stored of a topic: "take" takes it each time the flow starts, "takeOnce" only when the subscription is new, "skip" never.',
    values: ['take', 'takeOnce', 'skip'],
    default: 'take',
    advanced: true,
  }),
  retainAsPublished: flag({
    label: 'Retain as published',
    note: 'MQTT 5: msg.retain says what the publisher asked for, not whether the broker had the message stored.',
    default: false,
    advanced: true,
  }),
  defaultRoute: text({
    label: 'Default route',
    note: 'Route of readings that match no row with a route or target. Left empty: they are rejected as "unrouted".',
    default: '',
    advanced: true,
  }),
  tag: text({
    label: 'Tag',
    note: 'A word of your own that travels with every reading: msg.tag, and {tag} in the sinks. It tells sources with one target apart.',
    default: '',
    advanced: true,
  }),
  windowRecords: integer({
    label: 'Window records',
    note: 'Most readings in the flow that are not yet acknowledged; several connections share it. When it is full the connection is not read, and the broker keeps the rest.',
    default: 5000,
    min: 1,
    max: 65_535,
    advanced: true,
  }),
  windowBytes: bytes({
    label: 'Window bytes',
    note: 'The same limit in bytes. The memory of all nodes together (memoryBytes in settings.js) may be full first.',
    default: 64 << 20,
    min: 1024,
    max: 1 << 30,
    advanced: true,
  }),
  settleTimeoutMs: duration({
    label: 'Settle timeout',
    note: 'How long the flow may take to finish with a reading. The time in which a Rowline sink holds it does not count.',
    default: 60_000,
    min: 100,
    max: 86_400_000,
    advanced: true,
  }),
  onFailure: choice({
    label: 'When the flow fails',
    note: 'What becomes of a reading that the flow fails on or does not finish with: "dead-letter" stores it on disk and acknowledges it, "redeliver" takes the connection down so that the broker sends it again.',
    values: ['dead-letter', 'redeliver'],
    default: 'dead-letter',
    advanced: true,
  }),
  logLevel: logLevelField('that the flow has finished with'),
}

export type InConfig = ConfigOf<typeof inFields>

/** A node that reads nothing is a mistake, unless messages tell it what to read. */
export const checkIn = ({ subscriptions, dynamic }: InConfig): readonly FieldProblem[] =>
  subscriptions.length === 0 && !dynamic ? [{ field: 'subscriptions', problem: fieldProblems.of('rows') }] : []
