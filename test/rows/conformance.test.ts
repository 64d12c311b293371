import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { toJson, type Value } from '../../src/core/record.ts'
import { compileDecoder } from '../../src/rows/compile-decoder.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'

/** Measured on Flink 1.20.1: what its JSON format makes of one payload in three modes. */
type Answer = { readonly row: string } | { readonly error: true } | { readonly skip: true }
interface Vector {
  readonly id: string
  readonly type: string
  readonly input?: string
  readonly inputBase64?: string
  readonly [mode: string]: Answer | string | undefined
}

const modes = {
  default: { failOnMissingField: false, ignoreParseErrors: false },
  ignoreParseErrors: { failOnMissingField: false, ignoreParseErrors: true },
  failOnMissingField: { failOnMissingField: true, ignoreParseErrors: false },
}

const file = new URL('../fixtures/flink-json-conformance.jsonl', import.meta.url)
const all: readonly Vector[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

const supported = (type: string) =>
  (type.replace(/`[^`]*`/g, 'x').match(/\b[A-Z][A-Z_]+\b/g) ?? []).every((word) =>
    ['ROW', 'BIGINT', 'INT', 'INTEGER', 'DOUBLE', 'STRING', 'BOOLEAN'].includes(word),
  )
const vectors = all.filter(({ type }) => supported(type))

/** JSON with integers of any size, by the platform's own means. */
function exactJson(text: string): Value {
  const reviver = (_key: string, value: unknown, { source }: { readonly source?: string }) =>
    typeof value === 'number' && /^-?\d+$/.test(source ?? '') && !Number.isSafeInteger(value)
      ? BigInt(source ?? '')
      : value
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown)
}

function decode(vector: Vector, mode: keyof typeof modes): string {
  const bytes = Buffer.from(vector.input ?? vector.inputBase64 ?? '', vector.input === undefined ? 'base64' : 'utf8')
  try {
    const row = compileDecoder(parseRowSchema(vector.type), modes[mode])(bytes)
    return row === undefined ? 'skip' : toJson(row)
  } catch (error) {
    assert.ok(error instanceof PipelineError, String(error))
    assert.equal(error.disposition, 'reject')
    return 'error'
  }
}

const written = (answer: Answer) =>
  'row' in answer ? toJson(exactJson(answer.row)) : 'error' in answer ? 'error' : 'skip'

test('every vector of the Flink conformance file with supported types is among those that run', (t) => {
  t.diagnostic(`${vectors.length} of ${all.length} vectors`)
  assert.equal(all.length, 175)
  assert.equal(vectors.length, 98)
})

for (const mode of Object.keys(modes) as (keyof typeof modes)[]) {
  test(`every vector gives the rows, errors and skips of Flink in mode ${mode}`, () => {
    for (const vector of vectors) {
      const answers = [vector[mode], vector[`${mode}_alt`]].filter((answer) => typeof answer === 'object')
      assert.ok(answers.length > 0, vector.id)
      const actual = decode(vector, mode)
      assert.ok(
        answers.map(written).includes(actual),
        `${vector.id}: ${actual}, expected ${answers.map(written).join(' or ')}`,
      )
    }
  })
}
