import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startNodeRed } from '../services/node-red.ts'
import { packageTarball, readPackage, runNpm } from '../services/package.ts'
import { temporaryDirectory, until } from '../services/processes.ts'

const flow = [
  { id: 'tab', type: 'tab', label: 'Test' },
  {
    id: 'press',
    type: 'inject',
    z: 'tab',
    props: [{ p: 'payload' }],
    payload: '7',
    payloadType: 'num',
    wires: [['show', 'ask']],
  },
  {
    id: 'show',
    type: 'debug',
    z: 'tab',
    active: true,
    tosidebar: true,
    tostatus: true,
    complete: 'payload',
    statusVal: 'payload',
    statusType: 'auto',
  },
  {
    id: 'ask',
    type: 'http request',
    z: 'tab',
    method: 'GET',
    url: '${ASKED}',
    authType: 'basic',
    credentials: { user: 'plant', password: 'secret' },
    wires: [[]],
  },
]

test('Node-RED runs a deployed flow with environment and credentials, and again after kill -9 and restart', async () => {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization)
    response.end()
  })
  after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  await using nodeRed = await startNodeRed({ env: { ASKED: `http://127.0.0.1:${port}/` } })
  const authorization = `Basic ${Buffer.from('plant:secret').toString('base64')}`
  await nodeRed.deploy(flow)
  await nodeRed.inject('press')
  assert.equal((await nodeRed.statusIs('show', (status) => status.text !== undefined)).text, '7')
  assert.equal(nodeRed.debugMessages().length, 1)
  await until(() => asked.length === 1, { what: 'the request' })

  const before = nodeRed.pid
  await nodeRed.kill9()
  await assert.rejects(nodeRed.request('/flows'))
  await nodeRed.restart()
  assert.notEqual(nodeRed.pid, before)
  await nodeRed.inject('press')
  await until(() => asked.length === 2, { what: 'the request after the restart' })
  assert.deepEqual(asked, [authorization, authorization])
})

test('a flow that Node-RED refuses rejects the deployment with its answer', async () => {
  await using nodeRed = await startNodeRed()
  await assert.rejects(
    nodeRed.deploy([{ id: 'x', type: 'inject', wires: 'nonsense' } as never, null as never]),
    /answers [45]\d\d/,
  )
})

test('every node type is loaded without an error after a true npm install of the tarball', async () => {
  const userDir = temporaryDirectory('installed')
  writeFileSync(join(userDir, 'package.json'), '{"name":"user"}')
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--omit=dev', '--engine-strict']
  await runNpm(['install', ...options, await packageTarball()], userDir)
  await using nodeRed = await startNodeRed({ userDir })
  const response = await nodeRed.request('/nodes', { headers: { Accept: 'application/json' } })
  const sets = (await response.json()) as readonly {
    readonly module: string
    readonly err?: string
    readonly types: readonly string[]
  }[]
  const ours = sets.filter((set) => set.module === readPackage().name)
  assert.deepEqual(
    ours.map(({ err, types }) => ({ err, types })),
    Object.keys(readPackage()['node-red'].nodes).map((type) => ({ err: undefined, types: [type] })),
  )
})
