/**
 * Appends, takes and confirms until it is killed: `node appender.ts <directory> <first number>`. Tells on standard
 * output, written at once, what has been stored (`s <number>`) and, before it says so to the outbox, confirmed (`c <number>`).
 */
import { writeSync } from 'node:fs'
import { setImmediate as immediate } from 'node:timers/promises'
import { Outbox } from '../../src/outbox/outbox.ts'
import { never, numberIn, payload } from './ledger.ts'

const [directory, first] = process.argv.slice(2)
const outbox = await Outbox.open(
  {
    directory: directory!,
    maxBytes: 1e9,
    maxAgeMs: 0,
    whenFull: 'block',
    retryBackoffMs: 10,
    maxRetryBackoffMs: 100,
    segmentBytes: 200_000,
    memoryBytes: 100_000,
  },
  never,
)
let next = Number(first)
const tell = (what: string) => writeSync(1, `${what}\n`)

function append(): void {
  const entries = Array.from({ length: 1 + Math.floor(Math.random() * 20) }, () => payload(next++, 300))
  const last = next - 1
  outbox.append(entries, () => {
    tell(`s ${last}`)
    append()
  })
}
for (let i = 0; i < 10; i++) append()

for (;;) {
  const entries = await outbox.take(50, 1e6, never)
  const last = entries.at(-1)!
  tell(`c ${numberIn(last)}`)
  outbox.confirm(last.position)
  while (outbox.snapshot().entries < Math.random() * 5000) await immediate()
}
