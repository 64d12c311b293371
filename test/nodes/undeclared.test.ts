import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startNodeRed } from '../services/node-red.ts'
import { flowBuilder, waitForLines } from './acceptance-flow.ts'

test('an option that does not exist is named in the log at deploy, with the one that is meant, and the node works', async () => {
  const broker = await startFakeBroker({ window: 100 })
  await using nodeRed = await startNodeRed()
  const { node, source, id } = flowBuilder()
  const file = node('file-sink', 'file', { path: 'rows.ndjson', maxRetry: 'secret-value', qos: 1 }, [[], []])
  await nodeRed.deploy([...source(broker.port, [{ filter: 't', qos: '1' }], ['file']), file])
  await nodeRed.statusIs(id('in'), ({ shape }) => shape === 'dot')
  broker.publish({ topic: 't', qos: 1, payload: '{"a":1}' })
  await waitForLines(nodeRed, 'rows.ndjson', 1)
  const warnings = nodeRed
    .log()
    .split('\n')
    .filter((line) => line.includes('nothing reads'))
  assert.equal(warnings.length, 1, warnings.join('\n'))
  assert.ok(warnings[0]!.includes(`[warn] [file-sink:${id('file')}] file sink has no such option`), warnings[0])
  assert.ok(warnings[0]!.endsWith('nothing reads it: maxRetry (maxRetries?), qos'), warnings[0])
  assert.ok(!nodeRed.log().includes('secret-value'))
  await broker.close()
})
