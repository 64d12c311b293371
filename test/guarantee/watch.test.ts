import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withFacts } from '../../nodes/shared/guarantee/pipelines.ts'
import { factsOf } from '../../nodes/shared/pipeline-watch.ts'
import type { RowlineSnapshot } from '../../nodes/shared/snapshot.ts'
import { judge, kafka, node, source } from './wirings.ts'

const snapshot = (lateSenders: readonly string[] = []): RowlineSnapshot => ({
  memory: { heldBytes: 0, maxBytes: 1 },
  lateCompletions: 0,
  lateSenders,
  nodes: [],
})

test('a node that was seen to send after it was done limits the pipelines that have it', () => {
  const [first, second] = judge([
    source(['n']),
    node('n', 'influxdb out', [['kafka']]),
    source(['kafka'], { subscriptions: [] }, 'in2'),
    kafka(),
  ])
  const facts = factsOf(snapshot(['n', 'elsewhere']))
  const late = { code: 'sendsLate', node: 'n', values: {} }
  const { guarantee, limit, findings } = withFacts(first!, facts)
  assert.deepEqual(
    [guarantee, limit, findings.map(({ code }) => code)],
    ['atMostOnce', late, ['sendsLate', 'thirdParty']],
  )
  assert.equal(withFacts(second!, facts).guarantee, 'atLeastOnce')
})
