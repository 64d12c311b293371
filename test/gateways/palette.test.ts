import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { packOffline } from '../../scripts/pack-offline.ts'
import {
  acknowledged,
  acknowledgementsIn,
  flowBuilder,
  publishAll,
  startLoggingMosquitto,
} from '../nodes/acceptance-flow.ts'
import { type Kafka, sharedKafka } from '../services/kafka.ts'
import { readTopic } from '../services/kafka-topics.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import { readPackage, runNpm } from '../services/package.ts'
import { installedSets, removePackage, uploadPackage, withoutRegistry } from '../services/palette.ts'
import { freePort, runCommand, temporaryDirectory, until } from '../services/processes.ts'
import { type Gateway, gateway, installGateways } from './gateway.ts'

const gateways = [
  { title: 'Node-RED 5 on Node.js 22.9', node: 'node-22.9', nodeRed: undefined },
  { title: 'Node-RED 4.1 on Node.js 24', node: undefined, nodeRed: 'node-red-4.1' },
] as const
const older = '0.0.9'

/** The same tarball, as a release before this one would name it. */
async function asOlder(tarball: string): Promise<string> {
  const work = temporaryDirectory('older')
  await runCommand('tar', ['-xzf', tarball, '-C', work])
  const file = join(work, 'package/package.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"version": "[^"]+"/, `"version": "${older}"`))
  const packed = join(work, 'older.tgz')
  await runCommand('tar', ['-czf', packed, '-C', work, 'package'])
  return packed
}

describe('the palette of a gateway without a registry', () => {
  const services = new AsyncDisposableStack()
  let runtimes: string
  let kafka: Pick<Kafka, 'brokers' | 'stop'>
  let broker: Mosquitto
  let plain: string
  let google: string

  before(async () => {
    const directory = temporaryDirectory('packed')
    plain = await packOffline('offline', directory)
    google = await packOffline('offline-google', directory)
    runtimes = await installGateways()
    kafka = await sharedKafka()
    services.defer(() => kafka.stop())
    broker = services.use(await startLoggingMosquitto())
  })
  after(() => services.disposeAsync())

  function startFresh(chosen: Gateway): Promise<NodeRed> {
    const userDir = temporaryDirectory('palette')
    writeFileSync(join(userDir, 'package.json'), '{"name":"user","version":"1.0.0"}')
    return startNodeRed({ gateway: chosen, userDir, env: withoutRegistry(chosen.node) })
  }

  function pipeline() {
    const builder = flowBuilder()
    const topic = `p${randomUUID().slice(0, 8)}`
    const { id, node, source } = builder
    const flowTo = (brokers: string) => [
      ...source(broker.port, [{ filter: `${topic}/#`, qos: '1' }], ['decoder']),
      node('row-schema', 'schema', { schema: 'n BIGINT' }),
      node('row-decoder', 'decoder', { schema: id('schema') }, [['sink'], []]),
      node('kafka-cluster', 'cluster', { brokers }),
      node('kafka-sink', 'sink', { cluster: id('cluster'), topic, retryBackoffMs: '100 ms' }, [[], []]),
    ]
    const numbers = async () =>
      (await readTopic(kafka.brokers, topic)).map(({ value }) => (JSON.parse(String(value)) as { n: number }).n)
    return { ...builder, topic, flowTo, numbers }
  }

  const isGreen = ({ fill }: { fill?: string }) => fill === 'green'

  async function publish(topic: string, numbers: readonly number[]): Promise<void> {
    const earlier = acknowledgementsIn(broker)
    await publishAll(
      broker.port,
      numbers.map((n) => [`${topic}/line`, JSON.stringify({ n })]),
    )
    await acknowledged(broker, earlier + numbers.length)
  }

  for (const { title, node, nodeRed: version } of gateways) {
    it(`of ${title}: an upload, an upgrade, a removal and a return keep flow and outbox`, {
      timeout: 300_000,
    }, async () => {
      await using nodeRed = await startFresh(gateway(runtimes, node, version))
      const { id, topic, flowTo, numbers } = pipeline()
      const arrived = (count: number) =>
        until(async () => (await numbers()).length >= count, {
          what: `${count} rows in Kafka`,
          intervalMs: 500,
          timeoutMs: 60_000,
          output: nodeRed.log,
        })
      const connected = async () => {
        for (const name of ['in', 'sink']) await nodeRed.statusIs(id(name), isGreen, 60_000)
      }

      await uploadPackage(nodeRed, await asOlder(plain))
      const sets = await installedSets(nodeRed)
      assert.deepEqual(
        sets.map((set) => [set.types, set.enabled, set.err, set.version]),
        declarations.map(({ type }) => [[type], true, undefined, older]),
      )
      await nodeRed.deploy(flowTo(kafka.brokers))
      await connected()
      await publish(topic, [1, 2, 3])
      await arrived(3)

      await uploadPackage(nodeRed, plain)
      await nodeRed.restart()
      assert.ok((await installedSets(nodeRed)).every((set) => set.version === readPackage().version && set.enabled))
      await connected()
      await publish(topic, [4, 5])
      await arrived(5)

      await nodeRed.deploy(flowTo(`127.0.0.1:${await freePort()}`))
      await publish(topic, [6, 7])
      await nodeRed.statusIs(id('sink'), ({ text }) => /outbox 2/.test(text ?? ''))
      const refused = await removePackage(nodeRed)
      assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [400, 'type_in_use'])

      await nodeRed.stop()
      await runNpm(['remove', '--offline', '--no-audit', readPackage().name], nodeRed.userDir)
      await nodeRed.restart()
      assert.match(nodeRed.log(), /Waiting for missing types/)
      const kept = (await (await nodeRed.request('/flows')).json()) as readonly { id: string; topic?: string }[]
      assert.equal(kept.find((one) => one.id === id('sink'))?.topic, topic, 'a node of unknown type keeps what it was')

      await uploadPackage(nodeRed, plain)
      await nodeRed.deploy(flowTo(kafka.brokers))
      await arrived(7)
      assert.deepEqual(await numbers(), [1, 2, 3, 4, 5, 6, 7])

      await nodeRed.deploy(flowTo(`127.0.0.1:${await freePort()}`))
      await publish(topic, [8])
      await nodeRed.statusIs(id('sink'), ({ text }) => /outbox 1/.test(text ?? ''))
      await nodeRed.deploy([])
      const outbox = join(nodeRed.userDir, 'rowline/outbox', id('sink'))
      assert.match(nodeRed.log(), /1 readings of the removed node still wait in its outbox/)
      assert.ok(nodeRed.log().includes(outbox))
      assert.equal((await removePackage(nodeRed)).status, 204)
      assert.deepEqual(await installedSets(nodeRed), [])
      assert.ok(statSync(outbox).isDirectory(), 'what waits stays when the package has gone')
      await nodeRed.stop()
    })
  }

  it('has the sign-in of Google with the second tarball, and is told so with the first', async () => {
    await using nodeRed = await startFresh(gateway(runtimes, undefined, undefined))
    const { id, node } = flowBuilder()
    const credentials = { projectId: 'plant-one', credentialsMode: 'file', credentialsFile: 'nowhere.json' }
    const flow = [
      node('google-cloud', 'google', credentials),
      node('pubsub-sink', 'sink', { cloud: id('google'), topic: 'readings' }, [[], []]),
    ]
    const expectations = [
      [plain, /google-auth-library/],
      [google, /ENOENT/],
    ] as const
    for (const [tarball, expected] of expectations) {
      await uploadPackage(nodeRed, tarball)
      await nodeRed.restart()
      await nodeRed.deploy([{ id: id('tab'), type: 'tab' }, ...flow])
      await nodeRed.statusIs(id('sink'), ({ text }) => expected.test(text ?? ''))
      await nodeRed.deploy([])
      assert.equal((await removePackage(nodeRed)).status, 204, 'the same version is not taken twice')
    }
    await nodeRed.stop()
  })
})
