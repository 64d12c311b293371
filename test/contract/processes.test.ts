import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findProgram, startProcess, temporaryDirectory, until } from '../services/processes.ts'

const services = join(import.meta.dirname, '../services/processes.ts')

/** Runs a script that starts `sleep` through startProcess, and gives the sleep's pid. */
async function startParent(afterwards: string) {
  const script = `import { startProcess } from ${JSON.stringify(services)}
    console.log('pid', startProcess('sleep', ['1000']).pid); ${afterwards}`
  const parent = startProcess(process.execPath, ['--input-type=module-typescript', '-e', script])
  await parent.waitFor(/pid \d+/)
  return { parent, sleeper: Number(/pid (\d+)/.exec(parent.output())![1]) }
}

const lives = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

for (const [how, afterwards, signal] of [
  ['is killed', 'await new Promise(() => setInterval(() => {}, 1000))', 'SIGKILL'],
  ['is terminated by the test runner', 'await new Promise(() => setInterval(() => {}, 1000))', 'SIGTERM'],
  ['throws', 'throw new Error("crash")', undefined],
] as const) {
  test(`a started process ends with its parent when that ${how}`, async () => {
    const { parent, sleeper } = await startParent(afterwards)
    if (signal) parent.signal(signal)
    await parent.exited
    await until(() => !lives(sleeper), { what: 'the orphan to end' })
  })
}

test('a started process inherits no descriptor, not even one that this process inherited', async () => {
  const lock = openSync(join(temporaryDirectory('lock'), 'lock'), 'w')
  const script = `import { startProcess } from ${JSON.stringify(services)}
    const child = startProcess('ls', ['-l', '/proc/self/fd']); await child.exited; console.log(child.output())`
  const args = ['--input-type=module-typescript', '-e', script]
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ignore', lock] })
  let listing = ''
  for await (const chunk of parent.stdout!) listing += String(chunk)
  closeSync(lock)
  assert.match(listing, / 1 -> (pipe|socket):/)
  assert.doesNotMatch(listing, /lock/)
})

test('a wait in vain says what it waited for and shows the output', async () => {
  const waiting = until(() => false, { what: 'rain', timeoutMs: 50, output: () => 'a dry day' })
  await assert.rejects(waiting, /^Error: Waited 50 ms in vain for rain\na dry day$/)
  await assert.rejects(startProcess('sh', ['-c', 'echo why; exit 3']).waitFor(/ready/), /ended before.*\nwhy/s)
})

test('a missing program names its Debian package in one sentence', () => {
  assert.throws(() => findProgram('mosquittoo', 'mosquitto'), /Install the Debian package mosquitto \(apt-get install/)
})
