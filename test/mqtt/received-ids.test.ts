import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { MqttConnection } from '../../src/mqtt/connection.ts'
import { openReceivedIds } from '../../src/mqtt/received-ids.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { Collector, connect, connected, options } from './harness.ts'
import { publishPacket, type ScriptedConnection, startScriptedBroker } from './scripted-broker.ts'

const directory = temporaryDirectory('received')
after(() => rmSync(directory, { recursive: true }))

const answered = (link: ScriptedConnection, ...answers: readonly string[]) =>
  until(() => answers.every((answer) => link.answers().includes(answer)), {
    what: answers.join(),
    output: () => link.answers().join(),
  })

test('QoS 2: what was settled before a restart is not handed over again, until its PUBREL frees the id', async () => {
  await using broker = await startScriptedBroker()
  const mine = options(broker.port)
  const file = join(directory, 'one')
  let starts = 0
  /** A process that ends without another word than what is on the disk. */
  const start = async () => {
    const collector = new Collector(['s'], { settles: true })
    const receivedIds = (session: string) => openReceivedIds(file, session)
    const { connection } = connect({ ...mine, receivedIds }, collector)
    const link = await broker.connection(++starts)
    await connected(connection)
    return { collector, connection, link }
  }
  const kill = (connection: MqttConnection) => connection.close()
  const first = await start()
  first.link.send(publishPacket(5, 'a', 2), publishPacket(6, 'b', 2), publishPacket(7, 'c', 1))
  await answered(first.link, 'pubrec 5', 'pubrec 6', 'puback 7')
  assert.match(readFileSync(file, 'utf8'), /\[5,".+"\]\n\[6,".+"\]\n/, 'on the disk before the answer')
  await kill(first.connection)
  broker.sessionPresent = true
  const second = await start()
  second.link.send(publishPacket(5, 'a', 2, true), publishPacket(6, 'another', 2, true))
  await answered(second.link, 'pubrec 5', 'pubrec 6')
  assert.deepEqual(second.collector.texts, ['another'], 'another message under a known id is new')
  second.link.send({ cmd: 'pubrel', messageId: 5 })
  await answered(second.link, 'pubcomp 5')
  await kill(second.connection)
  const third = await start()
  third.link.send(publishPacket(5, 'a', 2, true))
  await answered(third.link, 'pubrec 5')
  assert.deepEqual(third.collector.texts, ['a'], 'an equal message under an id that is free is new')
  await kill(third.connection)
  broker.sessionPresent = false
  const fourth = await start()
  fourth.link.send(publishPacket(5, 'a', 2, true))
  await answered(fourth.link, 'pubrec 5')
  assert.deepEqual(fourth.collector.texts, ['a'], 'a server that has forgotten the session means another message')
  await kill(fourth.connection)
})

test('of another broker or client id nothing is known, and a file that is damaged counts as none', async () => {
  const file = join(directory, 'two')
  const ids = openReceivedIds(file, 'plant:1883 a')
  await Promise.all([ids.add(1, 'x'), ids.add(2, 'y'), ids.remove(1), ids.add(3, 'z')])
  await ids.close()
  const again = (session: string) => [...openReceivedIds(file, session).known]
  const expected = [
    [2, 'y'],
    [3, 'z'],
  ]
  assert.deepEqual(again('plant:1883 a'), expected)
  const whole = readFileSync(file, 'utf8')
  writeFileSync(file, `${whole}[4,"q`)
  assert.deepEqual(again('plant:1883 a'), expected, 'a line that is cut is none')
  writeFileSync(file, `${whole}[2[5,"r"]\n`)
  assert.deepEqual(again('plant:1883 a'), [], 'the line may have removed what is known: twice is better than never')
  writeFileSync(file, whole)
  assert.deepEqual(again('plant:1883 b'), [])
  const unwritable = openReceivedIds('/dev/null/nowhere', 's')
  await unwritable.add(1, 'x')
  assert.equal(unwritable.known.size, 1, 'without a disk it goes on')
})

test('many changes do not let the file grow for ever, and what is open stays in it', async () => {
  const file = join(directory, 'three')
  const ids = openReceivedIds(file, 's')
  for (let n = 0; n < 21_000; n++) {
    void ids.add(n % 100, `digest ${n}`)
    if (n % 100 < 90) void ids.remove(n % 100)
  }
  await ids.close()
  assert.ok(readFileSync(file).length < 300_000)
  assert.equal(openReceivedIds(file, 's').known.size, 10)
})

test('a new file that cannot be written loses no removal', async () => {
  const file = join(directory, 'four')
  const ids = openReceivedIds(file, 's')
  await ids.add(5, 'D')
  mkdirSync(`${file}.new`)
  for (let n = 0; n < 10_000; n++) {
    void ids.add(100, 'x')
    void ids.remove(100)
  }
  await ids.remove(5)
  assert.deepEqual([...openReceivedIds(file, 's').known], [], 'the server may give the id away now')
  await ids.add(6, 'E')
  rmSync(`${file}.new`, { recursive: true })
  await ids.add(7, 'F')
  await ids.close()
  assert.deepEqual(
    [...openReceivedIds(file, 's').known.keys()],
    [6, 7],
    'as soon as there is room again, all is known again',
  )
})

test('a removal that the disk takes in no way is waited for, and the warning comes once', async () => {
  const file = join(directory, 'five', 'ids')
  const warnings: string[] = []
  const ids = openReceivedIds(file, 's', (text) => warnings.push(text))
  await ids.add(5, 'D')
  rmSync(file)
  mkdirSync(join(file, 'in the way'), { recursive: true })
  for (let n = 0; n < 10_000; n++) {
    void ids.add(100, 'x')
    void ids.remove(100)
  }
  let isRemoved = false
  const removed = ids.remove(5).then(() => {
    isRemoved = true
  })
  await until(() => warnings.length > 0, { what: 'the warning' })
  assert.ok(!isRemoved)
  rmSync(file, { recursive: true })
  await removed
  assert.deepEqual([...openReceivedIds(file, 's').known], [])
  assert.equal(warnings.length, 1)
})

test('a write that ends in the middle of a line counts as failed', async () => {
  const file = join(directory, 'six')
  const child = [
    `const { openReceivedIds } = await import(${JSON.stringify(new URL('../../src/mqtt/received-ids.ts', import.meta.url).href)})`,
    `const ids = openReceivedIds(${JSON.stringify(file)}, 's')`,
    "await ids.add(5, 'D')",
    // Two bytes less than the file may have.
    "await ids.add(6, 'x'.repeat(1003))",
    'await ids.remove(5)',
    "process.stdout.write('removed')",
  ].join('\n')
  const running = spawnSync('bash', [
    '-c',
    'ulimit -f 1; exec "$0" --input-type=module -e "$1"',
    process.execPath,
    child,
  ])
  assert.equal(String(running.stdout), 'removed', String(running.stderr))
  assert.deepEqual([...openReceivedIds(file, 's').known.keys()], [6])
})
