import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { parseFields } from '../../src/config/fields.ts'
import { notices } from '../../src/config/migration-notices.ts'
import { Problem } from '../../src/core/problem.ts'
import { guessSystem, type Migration, migrate } from '../../src/migration/migrate.ts'
import { placeParts } from '../../src/migration/node-fields.ts'
import { type Option, type Place, type System, sinkTypes } from '../../src/migration/option.ts'
import { type PastedTable, readPasted } from '../../src/migration/pasted.ts'
import { systems } from '../../src/migration/systems.ts'
import { readTableImport } from '../../src/rows/import-table.ts'

const root = path.join(import.meta.dirname, '../..')
const systemOf = (key: string): System => systems.find((system) => system.key === key)!
const everySink = sinkTypes

function read(text: string): PastedTable {
  const pasted = readPasted(text)
  assert.ok(!(pasted instanceof Problem), String((pasted as Problem).text))
  return pasted
}

/** `mqtt.qos` as somebody's file has it: tables inside tables. */
const nested = (name: string, value: unknown): string => {
  const [first, ...rest] = name.split('.')
  return rest.length === 0 ? `{"${first}": ${JSON.stringify(value)}}` : `{"${first}": ${nested(rest.join('.'), value)}}`
}

const shown = (part: string | Problem | undefined) => (part instanceof Problem ? part.text : (part ?? ''))

/** For each setting: what the list says of it, without words. */
const outcomes = ({ lines }: Migration) =>
  Object.fromEntries(
    lines.map(({ key, outcome, ...rest }) => [
      key,
      [outcome, ...Object.values(rest).flat().map(shown)].join(' ').trim(),
    ]),
  )

describe('what is documented of other systems', () => {
  const listed = JSON.parse(readFileSync(path.join(root, 'test/fixtures/options-of-other-systems.json'), 'utf8')) as {
    readonly [system: string]: readonly string[]
  }
  const document = readFileSync(path.join(root, 'docs/migrating.md'), 'utf8')

  it('is a section with a row for every option that they have', () => {
    assert.deepEqual(Object.keys(listed).sort(), systems.map(({ key }) => key).sort())
    for (const { key, title } of systems) {
      const section = document.split('\n## ').find((part) => part.startsWith(title)) ?? assert.fail(title)
      const rows = section
        .split('\n')
        .filter((line) => line.startsWith('| `') || line.startsWith('| a') || line.startsWith('| M'))
      const names = rows
        .flatMap((row) => row.split(' | ')[0]!.slice(2).split(', '))
        .map((name) => name.replaceAll('`', ''))
      assert.deepEqual(
        listed[key]!.filter((name) => !names.includes(name)),
        [],
        key,
      )
    }
  })

  it('names properties that exist, with the label of the form', () => {
    for (const { key, options } of systems) {
      for (const { names, here } of options) {
        for (const place of here) {
          const { type, property, field } = placeParts(place)
          if (type === 'sink' || type === 'settings' || property === 'name') continue
          const declared = declarations.find((one) => one.type === type)!.fields[property]!
          const shown = place.includes('[]') ? declared.columns![placeParts(place).column!]! : declared
          assert.equal(field.label, shown.label, `${key} ${names[0]} ${place}`)
          assert.ok(document.includes(`${shown.label} (\`${place.slice(type.length + 1)}\`)`), place)
        }
      }
    }
  })

  it('gives every option that does nothing a reason', () => {
    for (const { key, options } of systems)
      for (const { names, note } of options) assert.match(note, /^[A-Z0-9`-].{7,}|^Always\.$/, `${key} ${names[0]}`)
    const used = systems.flatMap(({ options }) =>
      options.flatMap(({ example, read: readOption }) => {
        const meaning = example === undefined ? undefined : readOption(example, () => undefined)
        return meaning && 'notice' in meaning ? [meaning.notice] : []
      }),
    )
    const conditional = ['noSession', 'schemasDiffer', 'finiteRetries']
    assert.deepEqual(
      Object.keys(notices).filter((key) => !used.includes(key as never) && !conditional.includes(key)),
      [],
    )
  })
})

/** The places that an option sets, `sink` for all of them. */
function placesSet(system: System, name: string, { example }: Option): readonly Place[] {
  const sinks = system.sinks.length > 0 ? system.sinks : everySink
  const migration = migrate(system, sinks, read(nested(name, example)))
  const places = migration.lines.flatMap((line) => {
    assert.ok(line.outcome === 'applied' || line.outcome === 'noted', `${name}: ${JSON.stringify(line)}`)
    return line.outcome === 'applied' ? line.places : []
  })
  for (const place of places) {
    const { type, property } = placeParts(place)
    assert.ok(property in (migration.nodes[type] ?? {}), `${name}: ${place}`)
  }
  return places
}

describe('an import', () => {
  for (const system of systems.filter(({ importedBy }) => importedBy === 'nodes')) {
    for (const option of system.options.filter(({ example }) => example !== undefined)) {
      it(`${system.key}: ${option.names[0]} sets what its row says`, () => {
        for (const name of option.names) {
          const sinks = system.sinks.length > 0 ? system.sinks : everySink
          const expected = option.here
            .filter((place) => !place.startsWith('settings.'))
            .flatMap((place) =>
              place.startsWith('sink.') ? sinks.map((sink) => place.replace('sink', sink)) : [place],
            )
          const spelled = system.key === 'bahir' ? name.toUpperCase() : name
          assert.deepEqual([...placesSet(system, spelled, option)].sort(), expected.sort(), name)
        }
      })
    }
  }

  it('flink: every option of the table sets what its row says', () => {
    const least = { connector: 'mqtt-v3', 'broker.host': 'h', topic: 'a', format: 'json' }
    const needs = { ssl: 'true', 'last.will.topic': 'w', username: 'u' }
    for (const { names, here, example } of systemOf('flink').options) {
      if (example === undefined) continue
      const isTls = names[0]!.startsWith('ssl')
      const isWill = names[0]!.startsWith('last')
      const needed = Object.entries(needs).filter(
        ([name]) =>
          (isTls && name === 'ssl') ||
          (isWill && name.startsWith('last')) ||
          (names[0] === 'password' && name === 'username'),
      )
      const options = { ...least, ...Object.fromEntries(needed), [names[0]!]: String(example) }
      const text = Object.entries(options).map(([name, value]) => `'${name}' = '${value}'`)
      const table = readTableImport(`CREATE TABLE t (a INT) WITH (${text.join(', ')})`)
      if (table instanceof Problem) assert.fail(table.text)
      const { nodes } = table
      for (const place of here) {
        const { type, property, column } = placeParts(place)
        const values = nodes[type as keyof typeof nodes] as { readonly [property: string]: unknown }
        const found = column === undefined ? values[property] : nodes['mqtt-v3-in'].subscriptions[0]![column]
        assert.ok(found !== undefined, `${names[0]} ${place}`)
      }
    }
  })

  it('librdkafka: every setting sets what its row says', () => {
    const uns = systemOf('uns')
    for (const { names, here, example } of systemOf('librdkafka').options) {
      for (const name of names) {
        const settings = {
          'security.protocol': 'SASL_SSL',
          'sasl.mechanism': 'PLAIN',
          'ssl.keystore.location': 'k.p12',
        }
        const config = { ...settings, [name]: example }
        const { lines } = migrate(uns, uns.sinks, { kafka: { config } as unknown as PastedTable })
        const line = lines.find(({ key }) => key === `kafka.config.${name}`)!
        const expected = name === 'transactional.id' ? 'unknown' : here.length === 0 ? 'noted' : 'applied'
        assert.equal(line.outcome, expected, name)
        if (line.outcome === 'applied') assert.deepEqual(line.places, here, name)
      }
    }
  })

  it('of the TOML of danube makes a row of each route and lists what is not applied', () => {
    const toml = `
danube_service_url = "http://danube-broker:6650"
connector_name = "plant"
[retry]
max_retries = 3
[processing]
batch_size = 1000
poll_interval_ms = 100
shards = 4
[mqtt]
broker_host = "mosquitto"
broker_port = 1883
username = "reader"
password = "1.10"
use_tls = false
keep_alive_secs = "often"
[[mqtt.routes]]
from = "sensors/+/zone1"
to = "/iot/sensors_zone1"
qos = "ExactlyOnce"
partitions = 4
colour = "blue"
[[mqtt.routes]]
from = "debug/#"
to = "/iot/debug"
qos = "AtMostOnce"
partitions = 0
`
    const system = guessSystem(systems, read(toml))!
    assert.equal(system.key, 'danube')
    const migration = migrate(system, ['pubsub-sink'], read(toml))
    assert.deepEqual(migration.nodes, {
      'mqtt-v3-source': { host: 'mosquitto', port: '1883', user: 'reader', password: '1.10', useTls: false },
      'mqtt-v3-in': {
        name: 'plant',
        subscriptions: [
          { filter: 'sensors/+/zone1', qos: '2', route: '', to: '/iot/sensors_zone1', partitions: '4' },
          { filter: 'debug/#', qos: '0', route: '', to: '/iot/debug', partitions: '' },
        ],
      },
      'google-cloud': {},
      'pubsub-sink': { maxRetries: '3', batchRecords: '1000' },
    })
    const said = outcomes(migration)
    assert.equal(said['retry.max_retries'], 'applied pubsub-sink.maxRetries finiteRetries')
    const forEver = migrate(system, ['pubsub-sink'], read('[retry]\nmax_retries = 0'))
    assert.equal(outcomes(forEver)['retry.max_retries'], 'applied pubsub-sink.maxRetries')
    assert.equal(said['processing.shards'], 'unknown')
    assert.equal(said['mqtt.routes[0].colour'], 'unknown')
    assert.equal(said['processing.poll_interval_ms'], 'noted poll')
    assert.equal(
      said['mqtt.keep_alive_secs'],
      'refused mqtt-v3-source.keepalive must be a whole number from 0 to 65535',
    )
    assert.equal(Object.keys(said).length, 14)
  })

  it('of routes that differ takes the way that loses nothing, and of schemas that differ none', () => {
    const danube = systemOf('danube')
    const routes = ['true', 'false'].map((reliable) => ({ from: 'a', to: 'b', reliable_dispatch: reliable }))
    const schemas = ['string', 'bytes'].map((type) => ({ topic: 'b', schema_type: type }))
    const { nodes, lines } = migrate(danube, ['kafka-sink'], { mqtt: { routes }, schemas })
    assert.equal(nodes['mqtt-v3-in']!.acknowledge, 'afterFlow')
    assert.equal(nodes['row-decoder'], undefined)
    assert.deepEqual(lines[1], { key: 'schemas', outcome: 'noted', notice: 'schemasDiffer' })
    const old = migrate(danube, ['kafka-sink'], { mqtt: { topic_mappings: [{ ...routes[1], qos: '0' }] } })
    assert.equal(old.nodes['mqtt-v3-in']!.acknowledge, 'onReceipt')
  })

  it('of the YAML of the bridge takes secrets and settings together', () => {
    const yaml = `
mqtt:
  host: "localhost" # mandatory
  topics: ["test/uns/#", "a/#"]
  qos: 2
  version: 5
  clean_session: null
  transport: websockets
  ignored_attributes:
    {'a/#': ["x", "y.z"]}
kafka:
  config: {
      client.id: "uns_kafka_client", # mandatory
      bootstrap.servers: "localhost:9092",
      enable.idempotence: True,
      retries: 10,
      transactional.id: "t",
    }
dynaconf_merge: true
---
mqtt:
  username: "reader"
  password: 0123
  tls:
    ca_certs: /ca.pem
    #keyfile:
kafka:
  config: {security.protocol: "SASL_SSL", sasl.mechanisms: "PLAIN", sasl.username: "u", sasl.password: ""}
`
    const pasted = read(yaml)
    const system = guessSystem(systems, pasted)!
    assert.equal(system.key, 'uns')
    const migration = migrate(system, system.sinks, pasted)
    assert.deepEqual(migration.nodes, {
      'mqtt-v3-source': {
        host: 'localhost',
        protocolVersion: '5',
        protocol: 'ws',
        user: 'reader',
        password: '0123',
        ca: '/ca.pem',
        useTls: true,
      },
      'mqtt-v3-in': {
        subscriptions: ['test/uns/#', 'a/#'].map((filter) => ({ filter, qos: '2', route: '', to: '', partitions: '' })),
      },
      'row-decoder': { ignoredAttributes: [{ filter: 'a/#', attributes: 'x, y.z' }], format: 'json' },
      'kafka-cluster': {
        clientId: 'uns_kafka_client',
        brokers: 'localhost:9092',
        useTls: true,
        saslMechanism: 'PLAIN',
        user: 'u',
      },
      'kafka-sink': { maxRetries: '10' },
    })
    const decoder = declarations.find(({ type }) => type === 'row-decoder')!
    const { config } = parseFields(decoder.fields, migration.nodes['row-decoder']!)
    assert.deepEqual(decoder.check!(config!), [])
    const said = outcomes(migration)
    assert.equal(said['kafka.config.retries'], 'applied kafka-sink.maxRetries finiteRetries')
    assert.equal(said['kafka.config.transactional.id'], 'unknown')
    assert.equal(said['kafka.config.enable.idempotence'], 'noted kafka:idempotence')
  })

  it('of an environment takes it from a shell, a compose file and a manifest alike', () => {
    const environment = {
      APP_ENV: 'PRD',
      MQTT_BROKER: 'broker',
      MQTT_TOPIC: 'FCTS/FAE/+/SolvExtract/+',
      PUBSUB_TOPIC: 'kpis',
    }
    const entries = Object.entries(environment)
    const texts = [
      entries.map(([name, value]) => `export ${name}="${value}"`).join('\n'),
      entries.map(([name, value]) => `${name}=${value}`).join('\r\n'),
      entries.map(([name, value]) => `-e ${name}=${value}`).join(' \\\n  '),
      `services:\n  bridge:\n    image: x\n    environment:\n${entries.map(([name, value]) => `      - ${name}=${value}`).join('\n')}`,
      `services:\n  bridge:\n    environment:\n${entries.map(([name, value]) => `      ${name}: "${value}"`).join('\n')}`,
      `spec:\n  containers:\n    - name: bridge\n      env:\n${entries.map(([name, value]) => `        - {name: ${name}, value: "${value}"}`).join('\n')}`,
    ]
    for (const text of texts) assert.deepEqual({ ...read(text) }, environment, text)
    const system = guessSystem(systems, environment)!
    assert.equal(system.key, 'freeport')
    const { nodes } = migrate(system, system.sinks, environment)
    assert.deepEqual(nodes['pubsub-sink'], { environment: '${APP_ENV}', topic: 'kpis' })
    assert.deepEqual(nodes['bigquery-sink'], { environment: '${APP_ENV}' })
    const fromSecret = read(
      'env:\n  - name: MQTT_PASSWORD\n    valueFrom: {secretKeyRef: {name: mqtt, key: password}}\n',
    )
    assert.deepEqual(fromSecret, { MQTT_PASSWORD: '${MQTT_PASSWORD}' })
  })

  it('of a program takes the calls with the options', () => {
    const text = `spark.readStream.format("org.apache.bahir.sql.streaming.mqtt.MQTTStreamSourceProvider")
      .option("brokerUrl", "wss://broker/mq").option("QoS", 2).option("ssl.key.store.type", "JCEKS").option("ssl.odd", "x")`
    const pasted = read(text)
    const system = guessSystem(systems, pasted)!
    assert.equal(system.key, 'bahir')
    const migration = migrate(system, ['mqtt-v3-out'], pasted)
    assert.deepEqual(migration.nodes, {
      'mqtt-v3-source': { host: 'broker', protocol: 'ws', useTls: true, wsPath: '/mq' },
      'mqtt-v3-in': { subscriptions: [{ filter: '', qos: '2', route: '', to: '', partitions: '' }] },
      'mqtt-v3-out': {},
    })
    const said = outcomes(migration)
    assert.match(said['ssl.key.store.type']!, /^refused .*keytool -importkeystore -deststoretype PKCS12$/)
    assert.equal(said['ssl.odd'], 'unknown')
    const elsewhere = migrate(system, ['kafka-sink'], { maxInflight: '5' })
    assert.equal(outcomes(elsewhere).maxInflight, 'elsewhere mqtt-v3-out.maxInflight')
  })

  it('may write to every sink that has delivery modes', () => {
    const types = declarations.filter(({ kind, fields }) => kind === 'sink' && 'delivery' in fields)
    assert.deepEqual([...sinkTypes].sort(), types.map(({ type }) => type).sort())
  })

  it('of what is wrong says where, and takes no value that its field would not take', () => {
    const problem = readPasted('[mqtt]\nbroker_host = "a"\nbroker_port = = 1\n')
    assert.ok(problem instanceof Problem)
    assert.match(problem.text, /^cannot be read as TOML: /)
    const danube = systemOf('danube')
    const wrong = { MQTT_BROKER_PORT: 'x', MQTT_QOS: '3', MQTT_TOPICS: 'a/#/b', DANUBE: 'y' }
    const { nodes, lines } = migrate(danube, ['kafka-sink'], wrong)
    assert.deepEqual(nodes['mqtt-v3-source'], {})
    assert.deepEqual(nodes['mqtt-v3-in'], {})
    assert.deepEqual(
      lines.map(({ outcome }) => outcome),
      ['refused', 'refused', 'refused', 'unknown'],
    )
    const reference = migrate(danube, ['kafka-sink'], { MQTT_BROKER_PORT: '${PORT}' })
    assert.deepEqual(reference.nodes['mqtt-v3-source'], { port: '${PORT}' })
    assert.equal(guessSystem(systems, read('colour=blue')), undefined)
  })
})
