import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slotsOf, withIds, withSlots } from '../../src/config/table-references.ts'
import { rowDecoderFields } from '../../src/rows/config.ts'

const row = (route: string, schema: string) => ({ route, schema })
const ids = (rows: readonly object[], more: object = {}) => withIds(rowDecoderFields, { routes: rows, ...more }).routes
const stored = (rows: readonly unknown[], more: object = {}) =>
  JSON.parse(JSON.stringify(withSlots(rowDecoderFields, { routes: rows, ...more })))

test('a cell names a property that has the id, once for each id, and reads as the id again', () => {
  const rows = [row('a', 's1'), row('b', 's2'), row('c', 's1')]
  const written = stored(rows)
  assert.deepEqual(written, {
    routes: [row('a', 'routesSchema1'), row('b', 'routesSchema2'), row('c', 'routesSchema1')],
    routesSchema1: 's1',
    routesSchema2: 's2',
  })
  assert.deepEqual(withIds(rowDecoderFields, written).routes, rows)
  assert.deepEqual(stored(written.routes, written), written)
})

test('ids in the cells, as older flows have them, stay what they are', () => {
  assert.deepEqual(ids([row('a', 's1')], { routesSchema1: 's2' }), [row('a', 's1')])
})

test('an id that Node-RED has changed or taken away counts in every cell', () => {
  const written = stored([row('a', 's1'), row('b', 's2'), row('c', 's1')])
  assert.deepEqual(ids(written.routes, { ...written, routesSchema1: 'copy', routesSchema2: '' }), [
    row('a', 'copy'),
    row('b', ''),
    row('c', 'copy'),
  ])
})

test('a slot that no cell names any more is given up', () => {
  const all = withSlots(rowDecoderFields, { routes: [row('a', 's1')], routesSchema1: 's1', routesSchema2: 's2' })
  assert.equal(Object.hasOwn(all, 'routesSchema2'), true)
  assert.equal(all.routesSchema2, undefined)
})

test('a variable stays in its cell, and so does what has no slot left', () => {
  assert.deepEqual(stored([row('a', '${SCHEMA}')]), { routes: [row('a', '${SCHEMA}')] })
  const slots = slotsOf(rowDecoderFields)
  const many = Array.from({ length: slots.length + 1 }, (_none, i) => row(`r${i}`, `s${i}`))
  const written = stored(many)
  assert.equal(written.routes.at(-1).schema, `s${slots.length}`)
  assert.deepEqual(withIds(rowDecoderFields, written).routes, many)
})

test('what is no table, or no row, stays as it is', () => {
  assert.deepEqual(stored([null, 'x']), { routes: [null, 'x'] })
  assert.deepEqual(withIds(rowDecoderFields, { routes: 'x' }), { routes: 'x' })
})
