import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { makeCertificates } from '../services/certificates.ts'
import { blockOf, readDocument } from '../services/document.ts'
import { installPackage, projectDirectory, readPackage } from '../services/package.ts'
import {
  findProgram,
  freePort,
  type Running,
  runCommand,
  startProcess,
  temporaryDirectory,
  until,
} from '../services/processes.ts'

const document = readDocument('docs/deploy.md')
const running: Running[] = []
after(async () => {
  for (const process of running) await process.kill()
})

/** mosquitto as docs/deploy.md has it, with other paths and another port. */
async function startDocumentedBroker(dir: string, port: number): Promise<Running> {
  const { caFile, certFile, keyFile } = await makeCertificates(dir)
  const passwords = join(dir, 'passwords')
  writeFileSync(passwords, '', { mode: 0o600 })
  await runCommand(findProgram('mosquitto_passwd', 'mosquitto'), ['-b', passwords, 'gateway', 'secret words'])
  const conf = Object.entries({
    '/var/lib/mosquitto/': `${dir}/`,
    '/etc/mosquitto/passwords': passwords,
    '/etc/mosquitto/ca.pem': caFile,
    '/etc/mosquitto/server.pem': certFile,
    '/etc/mosquitto/server.key': keyFile,
    'listener 8883': `listener ${port} 127.0.0.1`,
  }).reduce(
    (text, [from, to]) => {
      assert.ok(text.includes(from), from)
      return text.replace(from, to)
    },
    blockOf(document, 'conf'),
  )
  const file = join(dir, 'mosquitto.conf')
  // Started as root it would become the user mosquitto, who may not read our directory.
  writeFileSync(file, `user root\nlog_type all\n${conf}`)
  const broker = startProcess(findProgram('mosquitto', 'mosquitto'), ['-c', file], { name: 'mosquitto' })
  running.push(broker)
  await broker.waitFor(/mosquitto version \S+ running/)
  return broker
}

/** Node-RED with the settings.js of docs/deploy.md, as the unit and the container start it. */
async function startDocumentedNodeRed(userDir: string, env: { readonly [name: string]: string }): Promise<Running> {
  const settings = join(userDir, 'documented.js')
  writeFileSync(settings, blockOf(document, 'js'))
  const args = [join(projectDirectory, 'node_modules/node-red/red.js'), '--userDir', userDir, '--settings', settings]
  const nodeRed = startProcess(process.execPath, args, { name: 'node-red', cwd: userDir, env })
  running.push(nodeRed)
  return nodeRed
}

function flow(port: number, ca: string, rows: string): readonly object[] {
  const source = {
    host: 'localhost',
    port: String(port),
    useTls: true,
    ca,
    clientId: 'gateway-${HOSTNAME}',
    credentials: { user: 'gateway', password: '${MQTT_PASSWORD}' },
  }
  return [
    { id: 'tab', type: 'tab', label: 'Plant' },
    { id: 'source', type: 'mqtt-v3-source', name: '', ...source },
    {
      id: 'in',
      type: 'mqtt-v3-in',
      z: 'tab',
      source: 'source',
      subscriptions: [{ filter: 'plant/#', qos: '1' }],
      x: 100,
      y: 100,
      wires: [['sink'], []],
    },
    {
      id: 'sink',
      type: 'file-sink',
      z: 'tab',
      path: rows,
      environment: '${APP_ENV}',
      x: 300,
      y: 100,
      wires: [[], []],
    },
  ]
}

test('settings.js and mosquitto.conf of docs/deploy.md read over TLS, with secrets and client id from the environment', async () => {
  const dir = temporaryDirectory('deploy')
  const [mqttPort, httpPort] = [await freePort(), await freePort()]
  const broker = await startDocumentedBroker(dir, mqttPort)
  const userDir = join(dir, 'user')
  mkdirSync(userDir)
  const { name, version } = readPackage()
  writeFileSync(join(userDir, 'package.json'), JSON.stringify({ name: 'user', dependencies: { [name]: version } }))
  await installPackage(userDir)
  const unset = await startDocumentedNodeRed(userDir, { PORT: String(httpPort) })
  await unset.waitFor(/set the environment variable NODE_RED_CREDENTIAL_SECRET/, 60_000)
  await unset.kill()
  const nodeRed = await startDocumentedNodeRed(userDir, {
    PORT: String(httpPort),
    HOSTNAME: 'north-1',
    APP_ENV: 'PRD',
    MQTT_PASSWORD: 'secret words',
    NODE_RED_CREDENTIAL_SECRET: 'encrypts',
    ROWLINE_METRICS_TOKEN: 'token',
  })
  await nodeRed.waitFor(/Started flows/, 60_000)
  const url = `http://127.0.0.1:${httpPort}`
  const rows = join(dir, 'rows.ndjson')
  const ca = join(dir, 'ca.pem')
  const headers = { 'Content-Type': 'application/json', 'Node-RED-API-Version': 'v2' }
  const body = JSON.stringify({ flows: flow(mqttPort, ca, rows) })
  assert.equal((await fetch(`${url}/flows`, { method: 'POST', headers, body })).status, 200)
  await until(() => /Sending SUBACK to gateway-north-1/.test(broker.output()), {
    what: 'the subscription of gateway-north-1',
    timeoutMs: 60_000,
    output: () => nodeRed.output(),
  })
  const access = {
    host: '127.0.0.1',
    port: mqttPort,
    protocol: 'mqtts',
    ca: readFileSync(ca),
    username: 'gateway',
  } as const
  await assert.rejects(connectAsync({ ...access, password: 'wrong', reconnectPeriod: 0 }), /Not authorized/i)
  const publisher = await connectAsync({ ...access, password: 'secret words' })
  await publisher.publishAsync('plant/a', '{"v":1}', { qos: 1 })
  await publisher.endAsync()
  await until(() => existsSync(rows) && readFileSync(rows, 'utf8').includes('"v":1'), {
    what: 'the row on the disk',
    timeoutMs: 60_000,
    output: () => nodeRed.output(),
  })
  assert.equal((await fetch(`${url}/rowline/health`)).status, 401)
  const asked = await fetch(`${url}/rowline/health`, { headers: { Authorization: 'Bearer token' } })
  assert.equal(asked.status, 200)
  const written = ['flows.json', 'flows_cred.json'].map((file) => readFileSync(join(userDir, file), 'utf8')).join()
  assert.doesNotMatch(written, /secret words/)
  const stopSeconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(document)![1])
  await nodeRed.stop(stopSeconds * 1000)
})
