import assert from 'node:assert/strict'
import { test } from 'node:test'
import { environmentGate } from '../../src/config/environment-gate.ts'
import { parseFields } from '../../src/config/fields.ts'
import { runnerFields } from '../../src/config/sink-fields.ts'

const fields = runnerFields({ batchRecords: 1, batchBytes: 1, lingerMs: 0, delivery: 'confirm' })
const gate = (raw: { readonly [option: string]: string }) => environmentGate(parseFields(fields, raw).config!)

test('without an environment everything is written', () => {
  assert.equal(gate({}), 'write')
  assert.equal(gate({ environment: '' }), 'write')
})

test('F4: LOCAL only logs, DEV, PPRD and PRD write, PROD is a mistake', () => {
  assert.equal(gate({ environment: 'LOCAL' }), 'dry-run')
  for (const environment of ['DEV', 'PPRD', 'PRD']) assert.equal(gate({ environment }), 'write')
  for (const environment of ['PROD', 'dev', 'DEV,PPRD', ' '])
    assert.deepEqual(gate({ environment }), { problem: `must be one of DEV, PPRD, PRD, LOCAL, not ${environment}` })
})

test('the names of a plant may be others', () => {
  const plant = { enabledIn: 'north, south', dryRunIn: 'bench' }
  assert.equal(gate({ ...plant, environment: 'south' }), 'write')
  assert.equal(gate({ ...plant, environment: 'bench' }), 'dry-run')
  assert.deepEqual(gate({ ...plant, environment: 'DEV' }), { problem: 'must be one of north, south, bench, not DEV' })
  assert.deepEqual(gate({ ...plant, dryRunIn: '', environment: 'bench' }), {
    problem: 'must be one of north, south, not bench',
  })
})

test('a name in both lists is a mistake, and so is one that is no name', () => {
  assert.deepEqual(gate({ environment: 'DEV', dryRunIn: 'DEV' }), {
    problem: 'cannot be decided: DEV is both written and only logged',
  })
  for (const enabledIn of ['DEV,,PRD', 'DEV PRD'])
    assert.match(parseFields(fields, { enabledIn }).problems[0]!.problem.text, /names without spaces/)
})
