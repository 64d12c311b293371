import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedDisk } from './simulated-disk.ts'

test('a power cut at a call leaves nothing of a write that was under way in the same moment', async () => {
  for (let turns = 0; turns < 8; turns++) {
    const disk = new SimulatedDisk(1)
    const layer = disk.layer()
    const file = await layer.open('/outbox/file', 'create')
    await layer.syncDirectory('/outbox')
    const writing = file.write(Buffer.from('written'), 0)
    for (let i = 0; i < turns; i++) await null
    const isWritten = disk.content('/outbox/file').length > 0
    disk.cutPower(false)
    const left = disk.content('/outbox/file').toString()
    await writing.catch(() => {})
    assert.equal(disk.content('/outbox/file').toString(), left, `after ${turns} turns, written ${isWritten}`)
  }
})
