import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outbox } from '../../src/outbox/outbox.ts'
import { segmentHeaderBytes } from '../../src/outbox/segment.ts'
import { changed, drain, filled, frameBytes, perSegment, range, segment, small, without } from './filled.ts'
import { directory, never, numberIn, options, payload } from './ledger.ts'
import { randomFrom } from './random.ts'
import { failure, SimulatedDisk } from './simulated-disk.ts'

test('any one flipped bit in a segment costs at most the entry it is in, and is counted and named', async () => {
  const disk = await filled()
  const bits = disk.content(segment(2)).length * 8
  for (let bit = 0; bit < bits; bit += 7) {
    const at = bit >> 3
    const hit = at < segmentHeaderBytes ? [] : [perSegment + 1 + Math.floor((at - segmentHeaderBytes) / frameBytes)]
    const damaged = changed(disk, segment(2), (bytes) => {
      bytes[at]! ^= 1 << (bit & 7)
      return bytes
    })
    const { numbers, outbox } = await drain(damaged)
    assert.deepEqual(numbers, without(range(1, 35), hit), `bit ${bit}`)
    const { damagedEntries, damagedFiles } = outbox.snapshot()
    assert.equal(damagedEntries, hit.length, `bit ${bit}`)
    assert.deepEqual(damagedFiles, ['000000000002.seg'], `bit ${bit}`)
    assert.deepEqual(damaged.files('.damaged'), [`${segment(2)}.damaged`], 'set aside, not deleted')
  }
})

test('any one flipped bit in the newest segment costs at most the entry it is in, and shows', async () => {
  const disk = await filled()
  const bits = disk.content(segment(4)).length * 8
  for (let bit = 0; bit < bits; bit += 7) {
    const at = bit >> 3
    const hit = at < segmentHeaderBytes ? [] : [31 + Math.floor((at - segmentHeaderBytes) / frameBytes)]
    const damaged = changed(disk, segment(4), (bytes) => {
      bytes[at]! ^= 1 << (bit & 7)
      return bytes
    })
    const { numbers, outbox } = await drain(damaged)
    assert.deepEqual(numbers, without(range(1, 35), hit), `bit ${bit}`)
    assert.equal(outbox.snapshot().damagedEntries, hit.length, `bit ${bit}`)
  }
})

test('any one flipped bit in the cursor hands out again and loses nothing', async () => {
  const disk = await filled()
  const half = await Outbox.open(small(disk), never)
  half.confirm((await half.take(7, 1e6, never)).at(-1)!.position)
  await half.close(1000)
  assert.equal((await drain(disk.copy(1))).numbers[0], 8)
  for (let bit = 0; bit < disk.content(`${directory}/cursor`).length * 8; bit++) {
    const damaged = changed(disk, `${directory}/cursor`, (bytes) => {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      return bytes
    })
    assert.deepEqual((await drain(damaged)).numbers, range(1, 35), `bit ${bit}`)
  }
})

test('a cursor that is missing, torn or of another outbox hands out again from the oldest segment', async () => {
  const disk = await filled()
  const cursor = `${directory}/cursor`
  const missing = disk.copy(1)
  missing.remove(cursor)
  const other = (await filled(200)).content(cursor)
  for (const [name, damaged] of [
    ['missing', missing],
    ['torn', changed(disk, cursor, (bytes) => bytes.subarray(0, 20))],
    ['empty', changed(disk, cursor, () => Buffer.alloc(0))],
    ['zeros', changed(disk, cursor, (bytes) => Buffer.alloc(bytes.length))],
    ['of another outbox', changed(disk, cursor, () => other)],
  ] as const)
    assert.deepEqual((await drain(damaged)).numbers, range(1, 35), name)
})

test('a cursor ahead of everything that is left hands out what is left, and gives no position again', async () => {
  const disk = await filled()
  const outbox = await Outbox.open(small(disk), never)
  const first = disk.copy(1)
  let last = 0
  while (last < 35) last = (await outbox.take(100, 1e6, never)).at(-1)!.position
  outbox.confirm(last)
  await outbox.close(1000)
  const cursor = disk.content(`${directory}/cursor`)
  first.replace(`${directory}/cursor`, cursor)
  first.remove(segment(4))
  const reopened = await Outbox.open(small(first), never)
  const numbers: number[] = []
  while (numbers.length < 30) numbers.push(...(await reopened.take(100, 1e6, never)).map(numberIn))
  assert.deepEqual(numbers, range(1, 30))
  assert.equal(reopened.snapshot().damagedEntries, 5)
  const position = await new Promise<number>((resolve) => reopened.append([payload(1)], resolve))
  assert.ok(position > 35, String(position))
  await reopened.close(0)
})

test('a file of zeros, of garbage, empty or missing in the middle costs its own entries, counted and named', async () => {
  const disk = await filled()
  const hit = range(11, 20)
  const missing = disk.copy(1)
  missing.remove(segment(2))
  for (const [name, damaged] of [
    ['zeros', changed(disk, segment(2), (bytes) => Buffer.alloc(bytes.length))],
    ['garbage', changed(disk, segment(2), (bytes) => Buffer.alloc(bytes.length, 'garbage '))],
    ['empty', changed(disk, segment(2), () => Buffer.alloc(0))],
    ['missing', missing],
  ] as const) {
    const { numbers, outbox } = await drain(damaged)
    assert.deepEqual(numbers, without(range(1, 35), hit), name)
    assert.equal(outbox.snapshot().damagedEntries, 10, name)
    assert.match(
      outbox.snapshot().damage!.message,
      /^10 stored entries cannot be read: .*000000000\d\d\d\.seg in \/outbox/,
    )
    assert.equal(outbox.snapshot().damagedFiles.length, 1, name)
  }
})

test('the first and the newest file may be zeros or garbage too', async () => {
  const disk = await filled()
  for (const [number, left] of [
    [1, range(11, 35)],
    [4, range(1, 30)],
  ] as const)
    for (const fill of [0, 'garbage ']) {
      const damaged = changed(disk, segment(number), (bytes) => Buffer.alloc(bytes.length, fill))
      const { numbers, outbox } = await drain(damaged)
      assert.deepEqual(numbers, left, `${number} ${fill}`)
      assert.deepEqual(outbox.snapshot().damagedEntries, 35 - left.length)
      assert.deepEqual(outbox.snapshot().damagedFiles, [`00000000000${number}.seg`])
    }
})

test('when the newest files are all zeros or empty, what stands before them is handed out', async () => {
  const disk = await filled()
  for (const isCursorThere of [true, false])
    for (const length of [0, 500]) {
      const damaged = disk.copy(1)
      if (!isCursorThere) damaged.remove(`${directory}/cursor`)
      for (const number of [2, 3, 4]) damaged.replace(segment(number), Buffer.alloc(length))
      assert.deepEqual((await drain(damaged)).numbers, range(1, 10))
    }
})

test('a file truncated at any length costs what was cut off, counted', async () => {
  const disk = await filled()
  for (const number of [1, 2, 4]) {
    const file = segment(number)
    const whole = disk.content(file).length
    for (let length = 0; length < whole; length += 11) {
      const kept = Math.max(0, Math.floor((length - segmentHeaderBytes) / frameBytes))
      const inFile = number === 4 ? 5 : perSegment
      const hit = range((number - 1) * perSegment + 1 + kept, (number - 1) * perSegment + inFile)
      const { numbers, outbox } = await drain(changed(disk, file, (bytes) => bytes.subarray(0, length)))
      assert.deepEqual(numbers, without(range(1, 35), hit), `${number}: ${length}`)
      assert.equal(outbox.snapshot().damagedEntries, hit.length, `${number}: ${length}`)
    }
  }
})

test('a tail torn by a crash is cut off and shown, and what is appended next is stored behind it', async () => {
  const disk = await filled()
  disk.remove(`${directory}/cursor`)
  const torn = changed(disk, segment(4), (bytes) => bytes.subarray(0, -50))
  const { numbers, outbox } = await drain(torn)
  assert.deepEqual(numbers, range(1, 34))
  assert.equal(outbox.snapshot().cutBytes, frameBytes - 50)
  assert.equal(outbox.snapshot().damagedEntries, 0)
  const again = changed(disk, segment(4), (bytes) => bytes.subarray(0, -50))
  const appending = await Outbox.open(small(again), never)
  await new Promise<void>((resolve) => appending.append([payload(36)], () => resolve()))
  await appending.close(1000)
  again.remove(`${directory}/cursor`)
  const third = await drain(again)
  assert.deepEqual(third.numbers, [...range(1, 34), 36])
  assert.equal(third.outbox.snapshot().damagedEntries, 0, 'positions left out on purpose are no damage')
})

test('a stretch that cannot be read is waited for, and passed over only when the rest of the disk works', async () => {
  const disk = await filled()
  let dead = true
  disk.fault = (call, _, file) => {
    if (call === 'read' && file === segment(2)) return failure('EIO')
    return dead && call === 'sync' ? failure('EIO') : undefined
  }
  const opening = Outbox.open(small(disk), never)
  const early = await Promise.race([opening, new Promise((resolve) => setTimeout(resolve, 200, 'waiting'))])
  assert.equal(early, 'waiting')
  dead = false
  const outbox = await opening
  const numbers: number[] = []
  while (numbers.length < 25) numbers.push(...(await outbox.take(100, 1e6, never)).map(numberIn))
  assert.deepEqual(numbers, without(range(1, 35), range(11, 20)))
  assert.deepEqual(outbox.snapshot().damagedFiles, ['000000000002.seg'])
  await outbox.close(0)
})

test('a file nobody may open is passed over and named', async () => {
  const disk = await filled()
  disk.fault = (call, _, file) => (call === 'openToRead' && file === segment(2) ? failure('EACCES') : undefined)
  const { numbers, outbox } = await drain(disk)
  assert.deepEqual(numbers, without(range(1, 35), range(11, 20)))
  assert.equal(outbox.snapshot().damagedEntries, 10)
})

test('a directory that cannot be read or made says who has to act', async () => {
  for (const call of ['list', 'makeDirectory', 'lock'] as const) {
    const disk = new SimulatedDisk(1)
    disk.fault = (one) => (one === call ? failure('EACCES') : undefined)
    await assert.rejects(Outbox.open(small(disk), never), { code: 'OUTBOX_UNUSABLE', disposition: 'config' })
    disk.fault = () => undefined
    await (await Outbox.open(small(disk), never)).close(0)
  }
})

test('a payload that holds the bytes of a segment is not taken for entries, not even behind damage', async () => {
  const disk = await filled(10)
  const inner = disk.content(segment(1))
  const outer = new SimulatedDisk(2)
  const outbox = await Outbox.open(options(outer.layer()), never)
  await new Promise<void>((resolve) => outbox.append([payload(1), inner, payload(3)], () => resolve()))
  await outbox.close(1000)
  const damaged = changed(outer, segment(1), (bytes) => {
    bytes[segmentHeaderBytes + 32 + 40 + 4]! ^= 1
    return bytes
  })
  assert.deepEqual((await drain(damaged)).numbers, [1, 3])
})

const damages: readonly ((bytes: Buffer, random: () => number) => Buffer)[] = [
  (bytes) => Buffer.alloc(bytes.length),
  (bytes, random) => bytes.subarray(0, Math.floor(random() * bytes.length)),
  (bytes, random) => Buffer.concat([bytes, bytes.subarray(0, Math.floor(random() * bytes.length))]),
  (bytes, random) => bytes.fill(Math.floor(random() * 256), Math.floor(random() * bytes.length)),
  (bytes, random) => {
    for (let flips = 0; flips < 20; flips++) bytes[Math.floor(random() * bytes.length)]! ^= 1 << (random() * 8)
    return bytes
  },
]

test('whatever is done to several files at once, the others come whole, once and in order; what is missing is counted', async () => {
  const disk = await filled()
  const cursor = `${directory}/cursor`
  for (let seed = 1; seed <= 1000; seed++) {
    const random = randomFrom(seed)
    const damaged = disk.copy(seed)
    const hit = disk.files().filter(() => random() < 0.5)
    for (const file of hit) {
      const damage = damages[Math.floor(random() * damages.length)]!
      if (random() < 0.1 && file !== segment(1)) damaged.remove(file)
      else damaged.replace(file, damage(disk.content(file), random))
    }
    const whole = disk.files('.seg').filter((file) => !hit.includes(file))
    const { numbers, outbox } = await drain(damaged)
    const due = new Set([...numbers, ...whole.flatMap(numbersIn)])
    assert.deepEqual(
      numbers,
      range(1, 35).filter((number) => due.has(number)),
      `seed ${seed}`,
    )
    // Without the cursor nobody can tell what once stood before the oldest file or behind the last legible entry.
    const { damagedEntries } = outbox.snapshot()
    if (!hit.includes(cursor)) assert.equal(damagedEntries, 35 - numbers.length, `seed ${seed}: ${hit}`)
    assert.ok(damagedEntries <= 35 - numbers.length, `seed ${seed}: ${hit}`)
  }
})

const numbersIn = (file: string) => {
  const first = (Number(/(\d+)\.seg$/.exec(file)![1]) - 1) * perSegment + 1
  return range(first, Math.min(35, first + perSegment - 1))
}

test('at most three damaged files are kept', async () => {
  const disk = await filled(80)
  for (let number = 1; number <= 7; number++) disk.replace(segment(number), Buffer.alloc(500))
  await drain(disk)
  assert.equal(disk.files('.damaged').length, 3)
})
