import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildPackage } from './build.ts'
import { listenLocally } from './demo-factory.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

interface FlowNode {
  readonly type: string
  readonly [property: string]: unknown
}

/** An example flow in which the user has set the addresses: what to set, by node type. */
export async function exampleFlow(
  name: string,
  settings: { readonly [type: string]: object },
): Promise<readonly FlowNode[]> {
  const flow = JSON.parse(await readFile(path.join(root, `examples/${name}.json`), 'utf8')) as readonly FlowNode[]
  return flow.map((node) => ({ ...node, ...settings[node.type] }))
}

/** Puts the package, built from this source tree, where `npm install` in the user directory would put it. */
async function installPackage(userDir: string): Promise<void> {
  const manifest = await readFile(path.join(root, 'package.json'), 'utf8')
  const { name, version } = JSON.parse(manifest) as { readonly name: string; readonly version: string }
  const installed = path.join(userDir, 'node_modules', name)
  await mkdir(installed, { recursive: true })
  await buildPackage(path.join(installed, 'dist'))
  await writeFile(path.join(installed, 'package.json'), manifest)
  await cp(path.join(root, 'examples'), path.join(installed, 'examples'), { recursive: true })
  await symlink(path.join(root, 'node_modules'), path.join(installed, 'node_modules'), 'junction')
  await writeFile(
    path.join(userDir, 'package.json'),
    JSON.stringify({ name: 'demo', dependencies: { [name]: version } }),
  )
}

export interface DemoNodeRed {
  readonly url: string
  /** Rejects when it ends by itself. */
  readonly ended: Promise<never>
  close(): Promise<void>
}

const START_MS = 60_000
const CLOSE_MS = 20_000

/** A real Node-RED on 127.0.0.1 with these flows, in a process that ends with this one. Its log is in the user directory. */
export async function startNodeRed(userDir: string, flow: readonly FlowNode[]): Promise<DemoNodeRed> {
  await installPackage(userDir)
  const port = await freePort(1880)
  await writeFile(path.join(userDir, 'flows.json'), JSON.stringify(flow, null, 4))
  await writeFile(path.join(userDir, 'settings.js'), settings(port))
  const logFile = path.join(userDir, 'node-red.log')
  const log = await open(logFile, 'w')
  const script = path.join(root, 'node_modules/node-red/red.js')
  const args = [script, '--userDir', userDir, '--settings', path.join(userDir, 'settings.js')]
  const child = spawn(process.execPath, args, {
    cwd: userDir,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    // Ctrl-C is for the demo, which stops the factory first.
    detached: true,
    windowsHide: true,
  })
  await log.close()
  let closing = false
  const ended = once(child, 'exit').then(async () => {
    if (closing) return new Promise<never>(() => {})
    throw new Error(`Node-RED ended. The end of ${logFile}:\n${await lastLines(logFile)}`)
  })
  const close = () => {
    closing = true
    return end(child)
  }
  await Promise.race([ended, started(logFile)]).catch(async (error: unknown) => {
    await close()
    throw error
  })
  return { url: `http://127.0.0.1:${port}`, ended, close }
}

/** Nothing is asked of the internet, and Node-RED ends when the demo is gone, however that ended. */
function settings(uiPort: number): string {
  const values = {
    uiHost: '127.0.0.1',
    uiPort,
    flowFile: 'flows.json',
    credentialSecret: 'demo',
    editorTheme: { tours: false, projects: { enabled: false }, palette: { catalogues: [] } },
    telemetry: { enabled: false, updateNotification: false },
  }
  return `process.on('disconnect', () => process.kill(process.pid))\nmodule.exports = ${JSON.stringify(values, null, 2)}\n`
}

async function freePort(preferred: number): Promise<number> {
  const server = createServer()
  const port = await listenLocally(server, preferred)
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function started(logFile: string): Promise<void> {
  const deadline = Date.now() + START_MS
  while (!(await readFile(logFile, 'utf8')).includes('Started flows')) {
    if (Date.now() > deadline)
      throw new Error(`Node-RED does not start. The end of its log:\n${await lastLines(logFile)}`)
    await wait(100)
  }
}

const lastLines = async (file: string) => (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-15).join('\n')

/** In order: what is in the flow is finished first. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const patience = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS)
  const exited = once(child, 'exit')
  if (child.connected) child.send('shutdown')
  await exited
  clearTimeout(patience)
}
