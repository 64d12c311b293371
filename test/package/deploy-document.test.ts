import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load, loadAll } from 'js-yaml'
import { declarations } from '../../nodes/declarations.ts'
import { settingsFields } from '../../src/config/settings.ts'
import { errorTable } from '../../src/core/errors.ts'
import { blockOf, blocksOf, readDocument } from '../services/document.ts'
import { readPackage } from '../services/package.ts'
import { runCommand, temporaryDirectory } from '../services/processes.ts'

/** A table, a list or a text, by its keys. */
interface Yaml {
  readonly [key: string]: Yaml
}

const document = readDocument('docs/deploy.md')
const [composeText = '', manifestText = ''] = blocksOf(document, 'yaml')
const gateway = (load(composeText) as unknown as Yaml).services!.gateway!
const manifests = loadAll(manifestText) as unknown as readonly Yaml[]
const manifest = (kind: string): Yaml => manifests.find((one) => String(one.kind) === kind)!
const pod = manifest('StatefulSet').spec!.template!.spec!
const container = pod.containers![0]!
const unit = blockOf(document, 'ini')
const settings = blockOf(document, 'js')
const dockerfile = blockOf(document, 'dockerfile')
const command = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]!) as readonly string[]
const secondsOf = (text: string) => Number(/^(\d+)s?$/.exec(text)![1])

/** Node-RED waits so long for a node to close. */
const closeSeconds = 15

test('every recipe gives Node-RED the time to close its nodes', () => {
  const stops = [
    /^TimeoutStopSec=(\d+)$/m.exec(unit)![1]!,
    String(gateway.stop_grace_period),
    String(pod.terminationGracePeriodSeconds),
  ]
  for (const stop of stops) assert.ok(secondsOf(stop) >= closeSeconds * 2, stop)
  assert.match(dockerfile, /^STOPSIGNAL SIGTERM$/m)
  assert.equal(command[0], 'node')
})

test('the user directory of the container is a volume in compose file and manifest', () => {
  const userDir = command[command.indexOf('--userDir') + 1]!
  assert.match(dockerfile, new RegExp(`^VOLUME ${userDir}$`, 'm'))
  assert.deepEqual(Object.values(gateway.volumes!).map(String), [`data:${userDir}`])
  assert.deepEqual(Object.values(container.volumeMounts!), [{ name: 'data', mountPath: userDir }])
  assert.equal(String(manifest('StatefulSet').spec!.volumeClaimTemplates![0]!.metadata!.name), 'data')
  assert.equal(String(container.image), String(gateway.image))
  assert.ok(String(gateway.image).endsWith(`:${readPackage().version}`))
})

test('every variable is read by settings.js, by Node.js or by a flow, and every secret comes from one', () => {
  const inCompose = Object.entries(gateway.environment!)
  const inPod = Object.values(container.env!)
  const names = inCompose.map(([name]) => name)
  assert.deepEqual(inPod.map(({ name }) => String(name)).sort(), [...names].sort())
  const known = [...settings.matchAll(/process\.env\.(\w+)|needed\('(\w+)'\)/g)].map(
    ([, name, needed]) => name ?? needed,
  )
  const ofOthers = ['APP_ENV', 'MQTT_PASSWORD', 'NODE_OPTIONS']
  for (const name of names) assert.ok([...known, ...ofOthers].includes(name), name)
  const secrets = names.filter((name) => /SECRET|PASSWORD/.test(name))
  for (const name of secrets) {
    assert.equal(String(gateway.environment![name]), `\${${name}:?}`)
    const reference = inPod.find((one) => String(one.name) === name)!.valueFrom!.secretKeyRef!
    const secret = manifest('Secret')
    assert.equal(String(reference.name), String(secret.metadata!.name))
    assert.ok(String(reference.key) in secret.stringData!, name)
  }
  assert.equal(secrets.length, 3)
  assert.ok(String(gateway.hostname).length > 0)
})

test('the pods are found by their labels and asked for health, but not for life, by /rowline/health', () => {
  const set = manifest('StatefulSet').spec!
  assert.deepEqual(set.selector!.matchLabels, set.template!.metadata!.labels)
  assert.deepEqual(manifest('Service').spec!.selector, set.template!.metadata!.labels)
  assert.equal(String(set.serviceName), String(manifest('Service').metadata!.name))
  const port = Number(container.ports![0]!.containerPort)
  assert.deepEqual(container.readinessProbe!.httpGet, { path: '/rowline/health', port })
  assert.deepEqual(container.livenessProbe!.tcpSocket, { port })
  assert.match(dockerfile, new RegExp(`^EXPOSE ${port}$`, 'm'))
})

test('settings.js says nothing under rowline that does not exist', () => {
  const [, inner = ''] = /^ {2}rowline: \{\n([\s\S]*?)^ {2}\}/m.exec(settings) ?? []
  const names = [...inner.matchAll(/^ {4}(\w+):/gm)].map(([, name]) => name!)
  assert.ok(names.length > 2)
  for (const name of names) assert.ok(name in settingsFields, name)
})

test('every alert rule has a row that says what to do, and no other has', () => {
  const [, ...rules] = readDocument('monitoring/alerts.yml').split(/^ +- alert: /m)
  const [, ...rows] = document.split(/^\| `(?=Rowline)/m)
  const nameOf = (text: string) => /^\w+/.exec(text)![0]
  assert.ok(rules.length > 10)
  assert.deepEqual(rows.map(nameOf), rules.map(nameOf))
})

test('the unit is one that systemd takes', async (t) => {
  assert.match(unit, /^ExecStart=\/usr\/bin\/env node-red --userDir \/var\/lib\/node-red --settings /m)
  assert.match(unit, /^StateDirectory=node-red$/m)
  const program = '/usr/bin/systemd-analyze'
  if (!existsSync(program)) return t.skip('without systemd-analyze its words alone are checked')
  const file = join(temporaryDirectory('unit'), 'node-red.service')
  writeFileSync(file, unit.replace('User=node-red', 'User=root').replace('=/etc/node-red/environment', '=-/nowhere'))
  // It says what it does not know to stderr, and that all is well all the same.
  const verify = `${program} verify --man=no ${file} 2>&1`
  const said = await runCommand('sh', ['-c', verify], { name: 'systemd-analyze' })
  assert.doesNotMatch(said, /node-red\.service/)
})

test('every code, field and link that troubleshooting names exists', () => {
  const trouble = document.slice(document.indexOf('## When something is wrong'))
  const codes = [...trouble.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code]) => code!)
  assert.ok(codes.length > 7)
  for (const code of codes) assert.ok(code in errorTable, code)
  const labels = declarations.flatMap(({ fields, label }) => [
    label,
    ...Object.values(fields).map((field) => field.label),
  ])
  const examples = /^\d\d /
  for (const [, name] of document.matchAll(/(?<!\*)\*([A-Za-z0-9][\w ]+)\*(?!\*)/g))
    assert.ok(labels.includes(name!) || examples.test(name!), name)
  for (const [, file, anchor] of document.matchAll(/\]\(([\w./-]+\.md)(?:#([\w-]+))?\)/g)) {
    const target = readDocument(join('docs', file!))
    const anchors = [...target.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    if (anchor !== undefined) assert.ok(anchors.includes(anchor), `${file}#${anchor}`)
  }
})
