import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { NodeAPI } from 'node-red'
import { rowlineOf } from '../../nodes/shared/rowline.ts'
import { temporaryDirectory, until } from '../services/processes.ts'

test('flows run although it cannot be told what they promise, and the log says so once', async (t) => {
  const errors: string[] = []
  const eachNode = () => {
    throw new Error('a node that nobody has thought of')
  }
  const events = new EventEmitter()
  const RED = {
    events,
    settings: { userDir: temporaryDirectory('watch') },
    hooks: { add() {}, remove() {} },
    auth: { needsPermission: () => undefined },
    nodes: { eachNode, getNode: () => undefined },
    log: { warn() {}, error: (text: string) => errors.push(text) },
  }
  const rowline = rowlineOf(RED as unknown as NodeAPI)
  const resume = t.mock.method(rowline.pool, 'resume')
  for (const times of [1, 2]) {
    events.emit('flows:stopping')
    events.emit('flows:started')
    await until(() => resume.mock.callCount() === times, { what: 'resumed connections' })
  }
  assert.deepEqual(errors, ['Rowline: what the pipelines promise cannot be told: a node that nobody has thought of'])
})
