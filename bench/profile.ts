import { writeFileSync } from 'node:fs'
import { freePort } from '../test/services/processes.ts'
import { drain, type Load, type Services } from './measure.ts'
import type { Variant } from './pipeline.ts'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

/** A CPU profile as Chrome's developer tools write and read it; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly name: string
  /** Of the time in which the main thread was not idle. */
  readonly percent: number
  readonly microsecondsPerMessage: number
}

export interface Hot {
  readonly variant: Variant['name']
  readonly payloadBytes: number
  readonly modules: readonly Share[]
  readonly functions: readonly Share[]
}

const samplingIntervalUs = 250
const shown = 25

/** Where the time of the main thread goes, of one drain apart from the measured ones: a profiler costs time itself. */
export async function profileDrain(services: Services, variant: Variant, load: Load, file: string): Promise<Hot> {
  const port = await freePort()
  let profile: CpuProfile | undefined
  const onReady = async () => {
    const inspector = await connectInspector(port)
    await inspector.call('Profiler.enable')
    await inspector.call('Profiler.setSamplingInterval', { interval: samplingIntervalUs })
    await inspector.call('Profiler.start')
    return async () => {
      profile = ((await inspector.call('Profiler.stop')) as { profile: CpuProfile }).profile
      inspector.close()
    }
  }
  await drain(services, variant, load, { env: { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` }, onReady })
  writeFileSync(file, JSON.stringify(profile))
  const frames = selfTimes(profile!)
  return {
    variant: variant.name,
    payloadBytes: load.payloadBytes,
    modules: shares(frames, ({ module }) => module, load.messages),
    functions: shares(frames, ({ name }) => name, load.messages),
  }
}

interface Frame {
  readonly module: string
  readonly name: string
  readonly microseconds: number
}

function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Frame[] {
  const spent = new Map<number, number>()
  for (const [i, id] of samples.entries()) spent.set(id, (spent.get(id) ?? 0) + timeDeltas[i]!)
  return nodes
    .filter(({ callFrame }) => callFrame.functionName !== '(idle)')
    .map(({ id, callFrame }) => ({ ...place(callFrame), microseconds: spent.get(id) ?? 0 }))
}

function place({ functionName, url, lineNumber }: ProfileNode['callFrame']): Pick<Frame, 'module' | 'name'> {
  if (url === '')
    return { module: functionName.startsWith('(') ? functionName : 'native', name: functionName || 'native' }
  const path = url.startsWith('node:') ? url : url.slice(url.lastIndexOf('/node_modules/') + '/node_modules/'.length)
  const name = `${functionName || '(anonymous)'} ${path.replace(ours, '').replace(/\.js$/, '')}:${lineNumber + 1}`
  return { module: moduleOf(path), name }
}

const ours = '@rowline/node-red-rowline/dist/'

/** Our own files one by one, everything else by package. */
function moduleOf(path: string): string {
  if (path.startsWith(ours)) return `rowline ${path.slice(ours.length).replace(/\.js$/, '')}`
  if (path.startsWith('node:')) return path.startsWith('node:internal/') ? path.split('/').slice(0, 2).join('/') : path
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/')
}

function shares(frames: readonly Frame[], key: (frame: Frame) => string, messages: number): Share[] {
  const spentOn = new Map<string, number>()
  for (const frame of frames) spentOn.set(key(frame), (spentOn.get(key(frame)) ?? 0) + frame.microseconds)
  const total = frames.reduce((sum, { microseconds }) => sum + microseconds, 0)
  return [...spentOn]
    .map(([name, spent]) => ({ name, spent }))
    .sort((a, b) => b.spent - a.spent)
    .slice(0, shown)
    .map(({ name, spent }) => ({ name, percent: (100 * spent) / total, microsecondsPerMessage: spent / messages }))
}

/** Chrome's debugging protocol over its web socket, as far as it is needed here. */
async function connectInspector(port: number) {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as [
    { readonly webSocketDebuggerUrl: string },
  ]
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  let calls = 0
  const call = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve) => {
      const id = ++calls
      const onMessage = ({ data }: MessageEvent) => {
        const answer = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown }
        if (answer.id !== id) return
        socket.removeEventListener('message', onMessage)
        resolve(answer.result)
      }
      socket.addEventListener('message', onMessage)
      socket.send(JSON.stringify({ id, method, params }))
    })
  return { call, close: () => socket.close() }
}
