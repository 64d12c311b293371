import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { PipelineError } from '../../src/core/errors.ts'
import { Problem } from '../../src/core/problem.ts'
import { columnsOfJsonSchema } from '../../src/rows/convert/columns-of-json-schema.ts'
import { decodeJson } from '../../src/rows/decode-json.ts'
import { inferColumns } from '../../src/rows/infer.ts'
import { compileJsonSchema, type ValidateJson } from '../../src/rows/json-schema/json-schema-validator.ts'
import { readJsonSchema } from '../../src/rows/json-schema/read-json-schema.ts'

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'toString', 'a/b', '~')
const types = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']
const scalar = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(0.5, -1.25, 1e3),
  fc.constantFrom('', 'a', 'ab', 'abc', '2024-01-01', '😀'),
  fc.boolean(),
  fc.constant(null),
)
const own = (entries: readonly (readonly [string, unknown])[]) => Object.fromEntries(entries)
const documentOf = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map(own),
  ),
})).value

/** Schemas of every keyword, with references that exist, some of which go round in circles. */
const schemaOf = fc.letrec<{ schema: unknown; part: readonly [string, unknown] }>((tie) => {
  const named = fc.array(fc.tuple(name, tie('schema')), { maxLength: 3 }).map(own)
  const size = fc.integer({ min: 0, max: 3 })
  const part = (keyword: string, value: fc.Arbitrary<unknown>) => value.map((each) => [keyword, each] as const)
  return {
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.boolean(),
      fc.array(tie('part'), { minLength: 1, maxLength: 3 }).map(own),
    ),
    part: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      part('type', fc.constantFrom(...types)),
      part('type', fc.uniqueArray(fc.constantFrom(...types), { minLength: 1, maxLength: 3 })),
      part(
        'enum',
        fc.uniqueArray(documentOf, { minLength: 1, maxLength: 3, selector: (value) => JSON.stringify(value) }),
      ),
      part('const', documentOf),
      part('minimum', fc.integer({ min: -3, max: 3 })),
      part('exclusiveMaximum', fc.double({ min: -3, max: 3, noNaN: true })),
      part('multipleOf', fc.constantFrom(1, 2, 0.5)),
      part('minLength', size),
      part('maxLength', size),
      part('pattern', fc.constantFrom('^a', 'b$', '^[a-z]{1,2}$', '(?=a)', '.')),
      part('format', fc.constantFrom('date', 'email', 'ipv4', 'unheard-of')),
      part('minItems', size),
      part('uniqueItems', fc.boolean()),
      part('required', fc.uniqueArray(name, { maxLength: 3 })),
      part('maxProperties', size),
      part('$ref', fc.constantFrom('#', '#/$defs/x', '#/$defs/y')),
      ...[
        'items',
        'contains',
        'not',
        'if',
        'then',
        'else',
        'additionalProperties',
        'unevaluatedProperties',
        'unevaluatedItems',
        'propertyNames',
      ].map((keyword) => part(keyword, tie('schema'))),
      ...['allOf', 'anyOf', 'oneOf', 'prefixItems'].map((keyword) =>
        part(keyword, fc.array(tie('schema'), { minLength: 1, maxLength: 3 })),
      ),
      ...['properties', 'dependentSchemas'].map((keyword) => part(keyword, named)),
      part(
        'patternProperties',
        tie('schema').map((schema) => ({ '^[ab]': schema })),
      ),
    ),
  }
})
const rootOf = fc
  .tuple(schemaOf.schema, schemaOf.schema, schemaOf.schema)
  .map(([root, x, y]) => ({ ...(typeof root === 'object' ? root : { allOf: [root] }), $defs: { x, y } }))

const slowest = { ms: 0, what: '' }

/** Undefined where it is refused, for a reason that is told. */
function attempt<T>(what: unknown, make: () => T): T | undefined {
  const started = performance.now()
  try {
    return make()
  } catch (error) {
    assert.ok(error instanceof PipelineError, `${JSON.stringify(what)}: ${(error as Error).stack}`)
    return undefined
  } finally {
    const ms = performance.now() - started
    if (ms > slowest.ms) Object.assign(slowest, { ms, what: JSON.stringify(what).slice(0, 500) })
  }
}

function compile(schema: string): ValidateJson | undefined {
  const read = readJsonSchema(schema)
  if (read instanceof Problem) return undefined
  columnsOfJsonSchema(read.root)
  return attempt(schema, () => compileJsonSchema(read))
}

function fitting(validate: ValidateJson, text: string): true {
  validate(decodeJson(Buffer.from(text)))
  return true
}

/** Ajv asks a document's own fields `constructor`, `valueOf` and `toString` whether it is equal to another one. */
const isJudgeable = (schema: string, document: string) =>
  !schema.includes('"format"') &&
  !(/"(?:const|enum|uniqueItems)"/.test(schema) && /constructor|toString/.test(schema + document))

/** Ajv itself goes round in circles until the stack is full; undefined where its own code fails (see `noteSeen`). */
function judged(judge: (value: unknown) => boolean, text: string): boolean | undefined {
  try {
    return judge(JSON.parse(text))
  } catch (error) {
    if (error instanceof TypeError) return undefined
    assert.ok(error instanceof RangeError)
    return false
  }
}

test('a document fits where ajv alone says so, and only there', () => {
  let compared = 0
  fc.assert(
    fc.property(rootOf, fc.array(documentOf, { minLength: 1, maxLength: 8 }), (root, documents) => {
      const validate = compile(JSON.stringify(root))
      if (validate === undefined) return
      const ajv = new Ajv2020({
        strict: false,
        logger: false,
        ownProperties: true,
        validateFormats: false,
        meta: false,
        validateSchema: false,
      })
      const judge = ajv.compile(
        JSON.parse(JSON.stringify(root, (key, value) => (key === 'format' ? undefined : value))),
      )
      for (const document of documents) {
        const text = JSON.stringify(document)
        const fits: boolean = attempt<true>([root, document], () => fitting(validate, text)) ?? false
        const expected = isJudgeable(JSON.stringify(root), text) ? judged(judge, text) : undefined
        if (expected !== undefined) assert.equal(fits, expected, JSON.stringify([root, document]))
        compared++
      }
    }),
    { numRuns: 400 },
  )
  assert.ok(compared > 300, String(compared))
})

test('any text as a schema, and any as a document, gets an answer or a reason in time', () => {
  const text = fc.oneof(
    fc.string(),
    fc.json({ maxDepth: 4 }),
    rootOf.map((root) => JSON.stringify(root)),
    fc.tuple(rootOf, fc.nat(), fc.string({ maxLength: 3 })).map(([root, at, put]) => {
      const whole = JSON.stringify(root)
      return whole.slice(0, at % whole.length) + put + whole.slice(at % whole.length)
    }),
  )
  fc.assert(
    fc.property(
      text,
      fc.array(fc.oneof(text, fc.uint8Array()), { minLength: 1, maxLength: 4 }),
      (schema, documents) => {
        const validate = compile(schema)
        if (validate !== undefined)
          for (const document of documents)
            attempt([schema, String(document)], () => validate(decodeJson(Buffer.from(document as string))))
        inferColumns(documents.map(String))
      },
    ),
    { numRuns: 400 },
  )
  assert.ok(slowest.ms < 10_000, `${slowest.ms} ms: ${slowest.what}`)
  assert.equal(Object.getOwnPropertyNames(Object.prototype).length, 12)
})
