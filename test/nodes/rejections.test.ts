import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Node } from 'node-red'
import { DeadLetters } from '../../nodes/shared/dead-letters.ts'
import { FlowTracker } from '../../nodes/shared/flow-tracker.ts'
import type { FlowMessage, Holder } from '../../nodes/shared/handle.ts'
import { Rejections } from '../../nodes/shared/rejections.ts'
import type { Rowline } from '../../nodes/shared/rowline.ts'
import { unlimited } from '../../src/core/byte-budget.ts'
import { Tally } from '../../src/core/tally.ts'
import { poisonous, reading } from '../core/memory-sink.ts'

const sink: Holder = { id: 'sink', type: 'kafka-sink' }

/** A node whose output 2 leads to a sink that never says that it is done. */
function startRejections(directory: string, settleTimeoutMs: number) {
  const handlers = new Map<string, (event: unknown) => void>()
  const hooks = {
    add: (name: string, handler: (event: never) => void) =>
      handlers.set(name, handler as Parameters<typeof handlers.set>[1]),
    remove: () => handlers.clear(),
  }
  const tracker = new FlowTracker(hooks, {
    lateSend: () => {},
    isRowline: (type) => type === sink.type,
    currentNode: () => sink,
  })
  tracker.acquire()
  const received: FlowMessage[] = []
  const node = {
    id: 'node',
    wires: [[], [sink.id]],
    warn: () => {},
    send: ([, msg]: readonly [null, FlowMessage]) => {
      received.push(msg)
      const event = {
        msg,
        cloneMessage: false,
        source: { id: 'node', node: { id: 'node', type: 'kafka-sink' } },
        destination: { id: sink.id, node: sink },
      }
      handlers.get('onSend.rowline')!([event])
      handlers.get('preDeliver.rowline')!(event)
    },
  }
  const createDeadLetters = () =>
    new DeadLetters({ directory, source: node.id, maxBytes: 1 << 30, memory: unlimited, warn: () => {} })
  const rowline = { tracker, createDeadLetters, tallyOf: () => new Tally() }
  const rejections = new Rejections(node as unknown as Node, rowline as unknown as Rowline, settleTimeoutMs)
  return { rejections, tracker, received }
}

test('a branch of output 2 that leads to a sink which cannot take the record does not hold the outbox for ever', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'rejections-'))
  const { rejections, tracker, received } = startRejections(directory, 300)
  const file = path.join(directory, 'rejected.ndjson')
  const startMs = performance.now()
  await new Promise<void>((then) => {
    rejections.rejectLate([{ record: reading('bad'), error: poisonous(1) }], then)
    assert.equal(received.length, 1)
    assert.equal(existsSync(file), false)
  })
  assert.ok(performance.now() - startMs > 250, 'the branch has its time')
  assert.equal((JSON.parse(readFileSync(file, 'utf8')) as { payload: string }).payload, 'bad')
  await rejections.close()
  tracker.release()
  rmSync(directory, { recursive: true })
})
