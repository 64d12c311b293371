import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Subscription } from '../../src/mqtt/config.ts'
import { createRouter } from '../../src/mqtt/router.ts'

const row = (filter: string, fields: Partial<Subscription> = {}): Subscription =>
  ({ filter, qos: '1', route: '', to: '', partitions: undefined, ...fields }) as Subscription

const routes = [
  row('sensors/+/zone1', { to: 'iot_sensors_zone1', partitions: 4 }),
  row('devices/+/telemetry', { to: 'iot_device_telemetry', partitions: 2 }),
  row('sensors/temp/#', { to: 'iot_temperature' }),
  row('debug/#', { to: 'iot_debug', qos: '0' }),
]

test('the first row that matches a topic decides where it goes', () => {
  const route = createRouter(routes, '')
  const expected: { readonly [topic: string]: string | undefined } = {
    'sensors/temp/zone1': 'iot_sensors_zone1',
    'sensors/temp/zone2': 'iot_temperature',
    'sensors/humidity/zone1': 'iot_sensors_zone1',
    'devices/device001/telemetry': 'iot_device_telemetry',
    'debug/app': 'iot_debug',
    'other/topic': undefined,
  }
  for (const [topic, to] of Object.entries(expected)) assert.equal(route(topic)?.to, to, topic)
  assert.deepEqual(route('sensors/temp/zone1'), {
    filter: 'sensors/+/zone1',
    route: '',
    to: 'iot_sensors_zone1',
    partitions: 4,
    unrouted: false,
    place: { filter: 'sensors/+/zone1', to: 'iot_sensors_zone1', partitions: 4 },
  })
})

test('a topic that only rows without a route match is unrouted, unless there is a default route', () => {
  const rows = [...routes, row('sensors/#')]
  const without = createRouter(rows, '')('sensors/pressure/factory1')
  assert.deepEqual([without?.unrouted, without?.filter, without?.route], [true, 'sensors/#', ''])
  const withDefault = createRouter(rows, 'rest')('sensors/pressure/factory1')
  assert.deepEqual([withDefault?.unrouted, withDefault?.route], [false, 'rest'])
  assert.equal(createRouter(rows, 'rest')('sensors/temp/zone1')?.route, '', 'a row of its own wins over the default')
})

test('a row with a route wins over an earlier one without', () => {
  const route = createRouter([row('sensors/#'), row('sensors/temp', { route: 'temperature' })], '')
  assert.deepEqual([route('sensors/temp')?.route, route('sensors/temp')?.unrouted], ['temperature', false])
})

test('in a table without any route nothing is unrouted and the first row gives its filter', () => {
  const route = createRouter([row('a/#'), row('a/b')], 'unused')
  assert.deepEqual([route('a/b')?.filter, route('a/b')?.unrouted, route('a/b')?.route], ['a/#', false, ''])
})

test('sensors/# also takes the topic sensors', () => {
  assert.equal(createRouter([row('sensors/#', { route: 's' })], '')('sensors')?.route, 's')
})

test('a target is filled with topic, filter and route', () => {
  const to = (template: string, filter: string, topic: string, name = '') =>
    createRouter([row(filter, { to: template, route: name })], '')(topic)?.to
  assert.equal(to('/mqtt/{topic}', '#', 'sensors/temp'), '/mqtt/sensors/temp')
  assert.equal(to('/mqtt/{topic}', '#', 'factory/line1/sensors/temp'), '/mqtt/factory/line1/sensors/temp')
  assert.equal(to('/mqtt/{filter}', 'devices/+/telemetry', 'devices/d1/telemetry'), '/mqtt/devices/any/telemetry')
  assert.equal(to('/mqtt/{filter}', 'sensors/#', 'sensors/a'), '/mqtt/sensors/all')
  assert.equal(to('{route}.{topic}.{topic}', 'a', 'a', 'r'), 'r.a.a')
  assert.equal(to('x_{topic}', '#', '$&{route}$1', 'r'), undefined, 'wildcards do not match topics with $')
  assert.equal(to('x_{topic}', '+', 'a$&{route}$1', 'r'), 'x_a$&{route}$1', 'a topic is put in as it is')
})

test('a hundred thousand topics are routed rightly, each asked for twice', () => {
  const route = createRouter([row('+/1', { to: '{topic}' }), row('#', { to: 'rest' })], '')
  for (const round of [1, 2])
    for (let n = 0; n < 100_000; n++)
      if (route(`t${n}/${n % 2}`)?.to !== (n % 2 ? `t${n}/1` : 'rest')) assert.fail(`round ${round}: t${n}`)
})

test('rows subscribed by message come behind the table: they neither take from it nor make its topics unrouted', () => {
  const plain = createRouter([row('a/#')], '', {}, [row('a/1', { route: 'r' }), row('b/#')])
  assert.deepEqual([plain('a/1')?.route, plain('a/2')?.unrouted, plain('b/1')?.filter], ['r', false, 'b/#'])
  const routed = createRouter([row('a/1', { route: 'r' }), row('a/#')], '', {}, [row('a/2'), row('a/1', { to: 'x' })])
  assert.deepEqual([routed('a/1')?.route, routed('a/2')?.unrouted, routed('a/3')?.unrouted], ['r', false, true])
  const withDefault = createRouter([row('a/1', { route: 'r' })], 'rest', {}, [row('b')])
  assert.deepEqual([withDefault('b')?.route, withDefault('b')?.unrouted], ['rest', false])
})
