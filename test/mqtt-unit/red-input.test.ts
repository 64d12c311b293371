import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { NodeAPI } from 'node-red'
import { declaration } from '../../nodes/mqtt-v3-in/declaration.ts'
import { registerNode } from '../../nodes/shared/register-node.ts'
import { rowlineOf } from '../../nodes/shared/rowline.ts'
import { temporaryDirectory } from '../services/processes.ts'

type Construct = (this: EventEmitter, definition: object) => void

test('the pool hears of an input that is red for as long as it is, with its source and no other', () => {
  let construct: Construct = () => assert.fail('nothing was registered')
  const events = new EventEmitter()
  const RED = {
    events,
    settings: { userDir: temporaryDirectory('red-input') },
    hooks: { add() {}, remove() {} },
    auth: { needsPermission: () => undefined },
    util: { getSetting: () => undefined },
    nodes: {
      eachNode() {},
      getNode: (id: string) => (id.startsWith('source') ? { id, config: {} } : undefined),
      createNode: (node: object, definition: object) => Object.assign(node, definition, { error() {}, status() {} }),
      registerType: (_type: string, given: Construct) => {
        construct = given
      },
    },
    log: { warn() {}, error() {} },
  } as unknown as NodeAPI
  const { pool } = rowlineOf(RED)
  registerNode(RED, declaration, ({ name }) => {
    if (name === 'unreadable') throw new Error('its file cannot be read')
  })
  const create = (id: string, rest: object) => {
    const node = new EventEmitter()
    construct.call(node, { id, type: 'mqtt-v3-in', source: 'source', ...rest })
    return node
  }
  const subscriptions = [{ filter: 'a', qos: '1' }]
  create('healthy', { subscriptions })
  assert.ok(!pool.isMissing('source'))
  for (const wrong of [{ subscriptions: [{ filter: 'a/#/b', qos: '1' }] }, { subscriptions, name: 'unreadable' }]) {
    const node = create('red', wrong)
    assert.deepEqual(['source', 'source-1', 'source2', 'other'].map(pool.isMissing), [true, true, false, false])
    node.emit('close')
    assert.ok(!pool.isMissing('source'))
  }
})
