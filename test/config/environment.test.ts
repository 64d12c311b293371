import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandEnvironment, hasReference } from '../../src/config/environment.ts'

const lookup = (name: string) => ({ SITE: 'saf', EMPTY: '' })[name]

test('a variable is replaced alone, inside longer text, in lists and in objects', () => {
  const { values, problems } = expandEnvironment(
    { host: '${SITE}', topic: 'plant-${SITE}/${SITE}', rows: [{ filter: '${SITE}/#', qos: 1 }], flag: true },
    lookup,
  )
  assert.deepEqual(problems, [])
  assert.deepEqual(values, { host: 'saf', topic: 'plant-saf/saf', rows: [{ filter: 'saf/#', qos: 1 }], flag: true })
})

test('a variable that is set to nothing is replaced by nothing', () => {
  assert.deepEqual(expandEnvironment({ user: '${EMPTY}' }, lookup), { values: { user: '' }, problems: [] })
})

test('a variable that is not set is a problem that names the field and the variable', () => {
  const { values, problems } = expandEnvironment({ host: 'a.${NOWHERE}', port: '${PORT}' }, lookup)
  assert.deepEqual(
    problems.map(({ field, problem }) => `${field} ${problem.text}`),
    [
      'host needs the environment variable NOWHERE, which is not set',
      'port needs the environment variable PORT, which is not set',
    ],
  )
  assert.equal(values.host, 'a.${NOWHERE}')
})

test('what only looks like a variable stays as it is', () => {
  assert.deepEqual(expandEnvironment({ a: '$SITE', b: '${}', c: '${1X}', d: '{topic}' }, lookup).values, {
    a: '$SITE',
    b: '${}',
    c: '${1X}',
    d: '{topic}',
  })
})

test('a reference is found wherever it stands in a text', () => {
  assert.equal(hasReference('kafka-${SITE}:9092'), true)
  assert.equal(hasReference('${SITE}'), true)
  assert.equal(hasReference('{topic}'), false)
  assert.equal(hasReference(5), false)
})
