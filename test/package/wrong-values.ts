/** Forms with something wrong in them, by node type; each field not named is as in a new node. */
type Form = readonly [type: string, values: { readonly [field: string]: unknown }]

const each = (type: string, base: object, values: readonly object[]): readonly Form[] =>
  values.map((value) => [type, { ...base, ...value }])

const secretKey = '-----BEGIN PRIVATE KEY-----'

const mqtt = [
  ...each('mqtt-v3-source', { host: 'h' }, [
    { host: '' },
    { host: {} },
    { host: 'h:1883' },
    { port: 'x', connectTimeoutMs: 'x', maxPacketSize: 'x', useTls: 'x', protocol: 'x' },
    { wsPath: 'x', wsHeaders: [{ name: 'a b', value: 'ä' }] },
    { wsHeaders: 'x' },
    { fallbacks: 'a:0', ca: secretKey, cert: secretKey, key: secretKey },
    { password: 'p' },
    { protocolVersion: '3', clientId: 'x'.repeat(24) },
    { useTls: true, keystorePath: 'k', cert: 'c', key: 'k' },
    { useTls: true, tlsMinVersion: 'TLSv1.3', tlsMaxVersion: 'TLSv1.2' },
    { useTls: true, cert: 'c' },
  ]),
  ...each('mqtt-v3-in', { source: 's' }, [
    { source: 5, subscriptions: [{ filter: 'a', to: '{x}' }] },
    { subscriptions: [] },
    ...['\0', 'a'.repeat(65_536), 'a+', 'a/#/b', '$share/g'].map((filter) => ({ subscriptions: [{ filter }] })),
  ]),
  ...each('mqtt-v3-out', { source: 's' }, [
    { topic: '{x}', payload: '{x}', enabledIn: 'a b', dryRunIn: 'a b' },
    { topic: 'a/#' },
    { topic: '\ud800' },
  ]),
]

const kafka = [
  ...each('kafka-cluster', { brokers: 'b' }, [
    { brokers: 'b:0', clientId: 'a b', ca: secretKey, cert: secretKey, key: secretKey },
    { tokenUrl: 'x', tokenExtensions: 'x' },
    { saslMechanism: 'PLAIN' },
    { useTls: true, keystorePath: 'k', cert: 'c' },
  ]),
  ...each('kafka-sink', { cluster: 'c' }, [
    { topic: '{x}', keyTemplate: '{x}', headers: [{ name: 'rowline.id', value: '{x}' }] },
    { schemaRegistryUrl: 'x', schemaRegistryCa: secretKey, schemaVersion: 'x', enabledIn: 'a b', dryRunIn: 'a b' },
    { schemaRegistryUrl: 'https://user:secret@registry' },
    { valueFormat: 'json-schema' },
    { topic: '..' },
    { topic: 'plant line{' },
  ]),
]

const google = [
  ...each('google-cloud', { projectId: 'plant-data' }, [
    { projectId: 'x', credentialsFile: '{', impersonate: 'x' },
    { pubsubEmulator: 'x', bigqueryEmulator: 'x', bigqueryStorageEmulator: 'x' },
    { credentialsMode: 'inline' },
    ...['x', '{}', '{"type":"service_account"}'].map((credentialsJson) => ({
      credentialsMode: 'inline',
      credentialsJson,
    })),
  ]),
  ...each('pubsub-sink', { cloud: 'c', topic: 'readings' }, [
    { topic: 'projects/x', endpoint: 'a b', orderingKey: '{x}', enabledIn: 'a b', dryRunIn: 'a b' },
    { topic: 'x' },
    { topic: 'google' },
    { mapping: [{ name: 'a', value: '{x}' }], attributes: [{ name: 'google', value: '{x}' }] },
    { attributes: [{ name: 'rowline.id', value: 'x' }] },
    { attributes: Array.from({ length: 95 }, (_, i) => ({ name: `a${i}`, value: 'x' })) },
    { data: 'mapped' },
    { mapping: ['a', 'a'].map((name) => ({ name, value: 'x' })) },
  ]),
  ...each('bigquery-sink', { cloud: 'c', dataset: 'd', table: 't' }, [
    { dataset: 'ä', table: 'a.b', columns: [{ name: 'a', value: 'x{qos}' }], enabledIn: 'a b', dryRunIn: 'a b' },
    {},
    { columns: ['a', 'A'].map((name) => ({ name, value: 'x' })), writeMethod: 'exactlyOnce', delivery: 'confirm' },
    { schema: 's', createTable: true, partitioning: 'column-day', clustering: 'a,b,c,d,e' },
  ]),
]

const others = [
  ...each('file-sink', {}, [
    { maxFileBytes: '2 MiB', maxTotalBytes: '1 MiB', batchBytes: '3 MiB' },
    { enabledIn: 'a b', dryRunIn: 'a b' },
  ]),
  ...each('prometheus-gauge', { valueColumn: 'v' }, [
    { valueColumn: 'a..b', labels: [{ column: 'a..b' }] },
    { metric: 'a b', labels: [{ column: 'a', label: 'a b' }] },
    { metric: 'constructor' },
    { metric: 'rowline_x' },
    { labels: ['a', 'b', 'c', 'd', 'e', 'f'].map((column) => ({ column })) },
    { labels: ['a', 'x.a'].map((column) => ({ column })) },
  ]),
  ...each('row-decoder', { schema: 's' }, [
    { schema: '' },
    ...['a/x{b}', 'a/+', '{a...}/b', '{a}/{a}'].map((topicPattern) => ({ topicPattern })),
    { ignoredAttributes: [{ filter: 'a+', attributes: 'a..b' }] },
    { routes: ['a', 'a'].map((route) => ({ route, schema: 's' })) },
    { failOnMissingField: true, ignoreParseErrors: true },
    { schema: '', routes: ['a', 'a'].map((route) => ({ route, schema: 's' })) },
  ]),
]

const withOptions = (options: string) => `CREATE TABLE t (a INT) WITH (${options})`
const sql = [
  ...['', 'a', 'a ROW', 'a INT b INT', "a INT, 'x' INT", 'a INT COMMENT x', 'a FOO', 'a INT, a INT', 'a MAP<INT, INT>'],
  ...['CREATE TABLE', 'CREATE TABLE t', 'CREATE TABLE t ()', 'CREATE TABLE t (a INT b)', 'CREATE TABLE t (a INT) x'],
  ...['a CHAR(x)', 'a CHAR(0)', 'a TIMESTAMP(x)', 'a DECIMAL(5, x)', `a ${'ARRAY<'.repeat(70)}`, 'a `', 'a /*'],
  ...["'a'", 'x', "'x' = y", "'qos' = '1', 'qos' = '1'", "'x' = 'y'", "'password' = 'p'", "'qos' = '7'"].map(
    withOptions,
  ),
  ...["'json.fail-on-missing-field' = 'x'", "'json.timestamp-format.standard' = 'x'"].map(withOptions),
  ...["'ssl.protocol.version' = 'x'", "'ssl.protocol.version' = 'TLS'"].map(withOptions),
  withOptions("'json.fail-on-missing-field' = 'true', 'json.ignore-parse-errors' = 'true'"),
].map((schema) => ({ schema }))

const types = ["'x'", 'FOO', 'INT x']
const columns = [[], ...types.map((type) => [{ name: 'a', type }]), ['a', 'a'].map((name) => ({ name, type: 'INT' }))]

const pattern = (text: string) => JSON.stringify({ pattern: text })
const large = Array.from({ length: 12 }, (_, i) => [`p${i}`, { pattern: '(a{90}){100}' }])
const jsonSchemas = [
  ...['', '{', '1', '{"$schema":"x"}', '{"enum":[9007199254740993]}', '{"const":1e999}', ' '.repeat(200_001)],
  ...['(a', 'a)', '(a)\\1', '(?i:a)', '^*', 'a{2,1}', '[z-a]', '('.repeat(201), '((a{100}){100}){100}'].map(pattern),
  JSON.stringify({ properties: Object.fromEntries(large) }),
  JSON.stringify({ allOf: Array.from({ length: 1001 }, () => ({})) }),
  `${'{"not":'.repeat(102)}{}${'}'.repeat(102)}`,
].map((jsonSchema) => ({ jsonSchema }))

export const wrongForms: readonly Form[] = [
  ...mqtt,
  ...kafka,
  ...google,
  ...others,
  ...each('row-schema', { writtenAs: 'sql' }, sql),
  ...each(
    'row-schema',
    { writtenAs: 'columns' },
    columns.map((rows) => ({ columns: rows })),
  ),
  ...each('row-schema', { writtenAs: 'json-schema' }, jsonSchemas),
]
