import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Comms, connectComms, type NodeStatus } from './comms.ts'
import { installPackage, projectDirectory, readPackage } from './package.ts'
import { freePort, type Running, startProcess, temporaryDirectory, until } from './processes.ts'

/** A node as in a flow file. `credentials` may be given in clear, as the editor sends them. */
export interface FlowNode {
  readonly id: string
  readonly type: string
  readonly [property: string]: unknown
}

export type DeployType = 'full' | 'flows' | 'nodes' | 'reload'

export interface NodeRedOptions {
  /** A temporary one if absent. With a package.json in it, it is taken as it is: nothing is installed. */
  readonly userDir?: string
  readonly env?: { readonly [name: string]: string }
  /** Changes the installed copy of our package, whose directory it gets, before the start. */
  readonly patch?: (directory: string) => void
  /** Further directories of node files, for nodes that only a test needs. */
  readonly nodesDir?: string
  /** The Node.js and the Node-RED to run, by path; those of the project if absent. */
  readonly gateway?: { readonly node: string; readonly script: string }
  /** Entries of settings.js, over ours. */
  readonly settings?: { readonly [name: string]: unknown }
}

/** Node-RED in a process of its own, on 127.0.0.1 only, with our package installed from its tarball. */
export interface NodeRed extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly userDir: string
  readonly pid: number
  /** What it printed since the last start. */
  log(): string
  /** Replaces the flows; resolves when they have started. Rejects with Node-RED's answer if it refuses them. */
  deploy(flow: readonly FlowNode[], type?: DeployType): Promise<void>
  /** Presses the button of an inject node. */
  inject(nodeId: string): Promise<void>
  request(path: string, init?: RequestInit): Promise<Response>
  /** The newest status of a node, undefined if it has none. */
  status(nodeId: string): NodeStatus | undefined
  /** Resolves with the status as soon as `accept` takes it. */
  statusIs(nodeId: string, accept: (status: NodeStatus) => boolean, timeoutMs?: number): Promise<NodeStatus>
  /** Complete messages of debug nodes as the sidebar gets them, oldest first. */
  debugMessages(): readonly unknown[]
  /** SIGKILL. */
  kill9(): Promise<void>
  /** Ends it in order; resolves when the process is gone. */
  stop(): Promise<void>
  /** Starts it again on the same port, with the same flows; ends it in order first if it still runs. */
  restart(): Promise<void>
}

export async function startNodeRed(options: NodeRedOptions = {}): Promise<NodeRed> {
  const userDir = options.userDir ?? temporaryDirectory('node-red')
  const port = await freePort()
  await prepare(userDir, port, options)
  const url = `http://127.0.0.1:${port}`
  let runtime = await start(userDir, options)
  let comms = await connectComms(url)
  const kill9 = async () => {
    comms.close()
    await runtime.kill()
  }
  return {
    url,
    port,
    userDir,
    get pid() {
      return runtime.pid
    },
    log: () => runtime.output(),
    request: (path, init) => fetch(url + path, init),
    deploy: (flow, type = 'full') => deploy(url, comms, flow, type),
    inject: async (nodeId) => void (await expectOk(fetch(`${url}/inject/${nodeId}`, { method: 'POST' }))),
    ...watching(() => comms),
    kill9,
    [Symbol.asyncDispose]: kill9,
    stop: async () => {
      comms.close()
      await runtime.stop(30_000)
    },
    restart: async () => {
      comms.close()
      await runtime.stop(30_000)
      runtime = await start(userDir, options)
      comms = await connectComms(url)
    },
  }
}

function watching(comms: () => Comms): Pick<NodeRed, 'status' | 'statusIs' | 'debugMessages'> {
  return {
    status: (nodeId) => comms().statuses.get(nodeId),
    statusIs: async (nodeId, accept, timeoutMs = 20_000) => {
      const current = () => comms().statuses.get(nodeId)
      const accepted = () => {
        const status = current()
        return status && accept(status) ? status : undefined
      }
      const output = () => `It is ${JSON.stringify(current())}`
      return (await until(accepted, { what: `the status of ${nodeId}`, timeoutMs, output }))!
    },
    debugMessages: () => comms().debugMessages,
  }
}

async function prepare(userDir: string, port: number, options: NodeRedOptions): Promise<void> {
  const packageFile = join(userDir, 'package.json')
  if (!existsSync(packageFile)) {
    const { name, version } = readPackage()
    mkdirSync(userDir, { recursive: true })
    writeFileSync(packageFile, JSON.stringify({ name: 'user', dependencies: { [name]: version } }))
    await installPackage(userDir, options.patch)
  }
  const settings = {
    uiHost: '127.0.0.1',
    uiPort: port,
    flowFile: 'flows.json',
    credentialSecret: 'test',
    editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
    telemetry: { enabled: false, updateNotification: false },
    ...(options.nodesDir === undefined ? {} : { nodesDir: options.nodesDir }),
    ...options.settings,
  }
  writeFileSync(join(userDir, 'settings.js'), `module.exports = ${JSON.stringify(settings, null, 2)}\n`)
}

async function start(userDir: string, { env, gateway }: NodeRedOptions): Promise<Running> {
  const own = { node: process.execPath, script: join(projectDirectory, 'node_modules/node-red/red.js') }
  const { node, script } = gateway ?? own
  const args = [script, '--userDir', userDir, '--settings', join(userDir, 'settings.js')]
  const runtime = startProcess(node, args, { name: 'node-red', cwd: userDir, ...(env ? { env } : {}) })
  await runtime.waitFor(/Started flows|Waiting for missing types/, 60_000)
  // With missing types it says so before it listens.
  await runtime.waitFor(/Server now running/, 60_000)
  return runtime
}

/** Node-RED answers before it has started the flows, and says afterwards that it has. */
async function deploy(
  url: string,
  { deployments }: Comms,
  flows: readonly FlowNode[],
  type: DeployType,
): Promise<void> {
  const headers = {
    'Content-Type': 'application/json',
    'Node-RED-API-Version': 'v2',
    'Node-RED-Deployment-Type': type,
  }
  const before = deployments.length
  const response = await expectOk(fetch(`${url}/flows`, { method: 'POST', headers, body: JSON.stringify({ flows }) }))
  const { rev } = (await response.json()) as { readonly rev: string }
  await until(() => deployments.includes(rev, before), { what: 'the flows to start', timeoutMs: 30_000 })
}

async function expectOk(answer: Promise<Response>): Promise<Response> {
  const response = await answer
  if (response.ok) return response
  throw new Error(`Node-RED answers ${response.status} to ${response.url}: ${await response.text()}`)
}
