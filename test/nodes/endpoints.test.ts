import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeAPI } from 'node-red'
import { healthPath, serveNumbers } from '../../nodes/shared/endpoints.ts'
import type { Measured } from '../../nodes/shared/metrics.ts'
import { parseFields } from '../../src/config/fields.ts'
import { settingsFields } from '../../src/config/settings.ts'
import { freePort, until } from '../services/processes.ts'

const nothing: Measured = {
  snapshot: { memory: { heldBytes: 0, maxBytes: 1 }, lateCompletions: 0, lateSenders: [], nodes: [] },
  tallies: [],
  gauges: [],
  labelsOf: () => undefined,
  maxUnconfirmedAgeMs: 1000,
}

/** Which of two addresses of this machine answer. */
async function listening(uiHost: string, metricsHost: string): Promise<readonly string[]> {
  const metricsPort = await freePort()
  const settings = parseFields(settingsFields, { metricsPort, metricsHost }).config!
  const errors: unknown[] = []
  const RED = { settings: { uiHost }, log: { error: (text: unknown) => errors.push(text) } } as unknown as NodeAPI
  serveNumbers(RED, settings, () => nothing)
  const answers = async (host: string) =>
    fetch(`http://${host}:${metricsPort}${healthPath}`).then(
      ({ status }) => status === 200,
      () => false,
    )
  const hosts = ['127.0.0.1', '127.0.0.2']
  let found: readonly boolean[] = []
  const ask = async () => {
    found = await Promise.all(hosts.map(answers))
    return found.includes(true)
  }
  await until(ask, { what: 'an answer' })
  assert.deepEqual(errors, [])
  return hosts.filter((_, i) => found[i])
}

test('the port of the metrics is open where Node-RED is, or where its own setting says', async () => {
  assert.deepEqual(await listening('127.0.0.2', ''), ['127.0.0.2'])
  assert.deepEqual(await listening('127.0.0.2', '127.0.0.1'), ['127.0.0.1'])
  assert.deepEqual(await listening('127.0.0.1', '0.0.0.0'), ['127.0.0.1', '127.0.0.2'])
})
