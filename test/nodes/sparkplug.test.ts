import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { Envelope } from '../../src/rows/sparkplug/payload.ts'
import { encode, type Message, nodeBirth, nodeBirthRow } from '../rows/sparkplug-payloads.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  deploySubscribed,
  flowBuilder,
  importExample,
  nodeOf,
  publishAll,
  startLoggingMosquitto,
  type Values,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

let broker: Mosquitto
let nodeRed: NodeRed

before(async () => {
  broker = await startLoggingMosquitto()
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.stop()
  await broker.stop()
})

type Publication = readonly [topic: string, payload: Buffer]

const birth = (topic: string, name: string, more: Message = {}): Publication => [
  topic,
  encode({ timestamp: 1000, metrics: [{ name, alias: 1, datatype: 3, intValue: 0 }], ...more }),
]
const data = (topic: string, more: Message = {}): Publication => [
  topic,
  encode({ timestamp: 2000, metrics: [{ alias: 1, intValue: 4294967286 }], ...more }),
]

const namesIn = (lines: readonly string[]) =>
  lines.map((line) => JSON.parse(line).metrics.map(({ name }: { readonly name: unknown }) => name))

test('C5: example 06 writes readable rows, keeps what is no Sparkplug B, and knows names after a kill -9', async () => {
  const address = { host: '127.0.0.1', port: String(broker.port) }
  const flow = adjust(await importExample(nodeRed, '06 Sparkplug B'), { 'mqtt-v3-source': address })
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  const state = '{"online":true,"timestamp":1668114759262}'
  await publishAll(broker.port, [
    ['spBv1.0/uns_group/NBIRTH/eon1', nodeBirth],
    ['spBv1.0/STATE/scada_1', state],
    birth('spBv1.0/uns_group/DBIRTH/eon1/press', 'Speed', { seq: 1 }),
    ['spBv1.0/uns_group/NDATA/eon1', nodeBirth.subarray(0, -1)],
    data('spBv1.0/uns_group/DDATA/eon1/press', { seq: 2 }),
    data('spBv1.0/uns_group/DDATA/eon1/other', { seq: 4 }),
  ])
  const lines = await waitForLines(nodeRed, 'rowline/sparkplug.ndjson', 5)
  assert.deepEqual(lines, [
    nodeBirthRow,
    state,
    '{"timestamp":1000,"metrics":[{"name":"Speed","alias":1,"datatype":3,"value":0}],"seq":1}',
    '{"timestamp":2000,"metrics":[{"name":"Speed","alias":1,"datatype":3,"value":-10}],"seq":2}',
    '{"timestamp":2000,"metrics":[{"name":null,"alias":1,"value":4294967286}],"seq":4}',
  ])
  const decoder = nodeOf(flow, 'row-decoder').id
  const [deadLetter] = await waitForDeadLetters(nodeRed, decoder, 1)
  assert.equal(deadLetter!.reason, 'sparkplug')
  assert.match(deadLetter!.error.message, /not valid Sparkplug B: a number is cut off/)
  await acknowledged(broker, before + 6)
  await nodeRed.statusIs(decoder, ({ text = '' }) => /1 rejected · 1 gaps · 1 unnamed$/.test(text))
  assert.match(nodeRed.log(), /Sparkplug: 1 messages of uns_group\/eon1 are missing/)

  await nodeRed.kill9()
  await nodeRed.restart()
  await publishAll(broker.port, [
    data('spBv1.0/uns_group/NDATA/eon1', { metrics: [{ alias: 5, intValue: 4294967286 }], seq: 9 }),
    data('spBv1.0/uns_group/DDATA/eon1/press', { seq: 10 }),
  ])
  const more = await waitForLines(nodeRed, 'rowline/sparkplug.ndjson', 7)
  assert.deepEqual(namesIn(more.slice(5)), [['Properties/Weight'], ['Speed']])
})

/** in -> row-decoder -> file-sink. */
function sparkplugFlow(decoder: Values, source: Values = {}, requests: readonly string[] = []) {
  const { id, node, source: from } = flowBuilder()
  const file = `${id('rows')}.ndjson`
  const flow: FlowNode[] = [
    ...from(broker.port, [{ filter: `${id('site')}/spBv1.0/#`, qos: '1' }], ['decoder'], source),
    node('row-decoder', 'decoder', { format: 'sparkplug-b', ...decoder }, [['sink'], [], requests]),
    node('file-sink', 'sink', { path: file, delivery: 'confirm' }, [[], []]),
  ]
  return { flow, node, id, file, topic: (rest: string) => `${id('site')}/spBv1.0/${rest}` }
}

test('an edge node is asked for its BIRTH through an MQTT output, and what it answers names the next data', async () => {
  const { flow, node, id, file, topic } = sparkplugFlow({ requestRebirth: true }, { output: 'batches' }, ['out'])
  const out = [
    node('mqtt-broker', 'core-broker', { broker: '127.0.0.1', port: String(broker.port), protocolVersion: '4' }),
    node('mqtt out', 'out', { topic: '', qos: '', retain: '', broker: id('core-broker') }, []),
  ]
  await deploySubscribed(nodeRed, broker, [...flow, ...out])
  const edge = await connectAsync(`mqtt://127.0.0.1:${broker.port}`)
  try {
    await nodeRed.statusIs(id('out'), ({ fill }) => fill === 'green')
    await edge.subscribeAsync(topic('G/NCMD/E'), { qos: 1 })
    const commands: Buffer[] = []
    edge.on('message', (_topic, payload) => {
      commands.push(payload)
      const [to, bytes] = birth(topic('G/NBIRTH/E'), 'Flow', { seq: 0 })
      edge.publish(to, bytes, { qos: 1 })
    })
    await publishAll(broker.port, [data(topic('G/NDATA/E')), data(topic('G/NDATA/E'))])
    // The command comes back too: the flow reads all of the namespace.
    await waitForLines(nodeRed, file, 4)
    await publishAll(broker.port, [data(topic('G/NDATA/E'), { seq: 1 })])
    const names = namesIn(await waitForLines(nodeRed, file, 5))
    assert.deepEqual(names.flat().sort(), ['Flow', 'Flow', 'Node Control/Rebirth', null, null])
    assert.deepEqual(names.at(-1), ['Flow'])
    assert.equal(commands.length, 1)
    assert.deepEqual(
      new Envelope(commands[0]!).metrics().metrics.map(({ name, datatype, value }) => [name, datatype, value]),
      [['Node Control/Rebirth', 11, true]],
    )
  } finally {
    await edge.endAsync()
  }
})

test('a decoder that is to ask and has nobody to ask through is red', async () => {
  const { flow, id } = sparkplugFlow({ requestRebirth: true })
  await nodeRed.deploy(flow)
  const { text } = await nodeRed.statusIs(id('decoder'), ({ fill }) => fill === 'red')
  assert.match(text!, /^requestRebirth: wire output 3 to an MQTT output/)
})

test('while births cannot be stored nothing is acknowledged, and then everything goes on in order', async () => {
  const { flow, id, file, topic } = sparkplugFlow({})
  const folder = join(nodeRed.userDir, 'rowline/sparkplug', id('decoder'))
  mkdirSync(join(folder, '..'), { recursive: true })
  writeFileSync(folder, 'in the way')
  // What cannot be listed cannot be read either: the node says so, and begins without births.
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [
    birth(topic('G/NBIRTH/E'), 'Flow', { seq: 0 }),
    data(topic('G/NDATA/E'), { seq: 1 }),
    [topic('STATE/host'), Buffer.from('{}')],
  ])
  const { text } = await nodeRed.statusIs(id('decoder'), ({ fill }) => fill === 'yellow')
  assert.match(text!, /EEXIST/)
  assert.equal(acknowledgementsIn(broker), before)
  rmSync(folder)
  const [first, second, third] = await waitForLines(nodeRed, file, 3)
  assert.deepEqual(namesIn([first!, second!]), [['Flow'], ['Flow']])
  assert.equal(third, '{}')
  await acknowledged(broker, before + 3)
  await until(() => readdirSync(folder).length === 1, { what: 'the file of the edge node' })
})
