// Writes numbered lines until it is killed or 3 writes have failed: file-writer.ts <path> <first number>

import { toPipelineError } from '../../src/core/errors.ts'
import { sinkFields } from '../../src/sinks/file/config.ts'
import { fileSink } from '../../src/sinks/file/sink.ts'
import { forever, parsed } from './kafka-harness.ts'

const [path, first] = process.argv.slice(2) as [string, string]
const sink = fileSink.create(parsed(sinkFields, { path }), {
  directory: '/',
  name: 'writer',
  jsonSchema: () => undefined,
  rowSchema: () => undefined,
  connection: () => {
    throw new Error('no connection')
  },
  warn: (message) => process.stderr.write(`${message}\n`),
})
await sink.open(forever)
for (let n = Number(first), failures = 0; failures < 3; n++) {
  const payload = { n, pad: 'x'.repeat(1000) }
  const record = { topic: 't', payload, qos: 1, retain: false, dup: false, receivedAt: 0 } as const
  try {
    await sink.write([sink.prepare(record).request], forever)
    process.stdout.write(`confirmed ${n}\n`)
  } catch (thrown) {
    const { code, disposition, message } = toPipelineError(thrown)
    process.stdout.write(`${code} ${disposition} ${message}\n`)
    failures++
  }
}
