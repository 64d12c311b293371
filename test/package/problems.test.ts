import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { questions } from '../../nodes/shared/editor/first-rows-flow.ts'
import { crossProblems, problemsOf } from '../../nodes/shared/editor/problems.ts'
import { englishCatalogue, flatten, sharedTexts, type Texts } from '../../scripts/catalogue.ts'
import { parseField } from '../../src/config/fields.ts'
import { readSettings } from '../../src/config/settings-text.ts'
import { Problem, translated } from '../../src/core/problem.ts'
import { filterProblem } from '../../src/core/topic-filter.ts'
import { readPasted } from '../../src/migration/pasted.ts'
import { systems } from '../../src/migration/systems.ts'
import { readTableImport } from '../../src/rows/import-table.ts'
import { inferColumns } from '../../src/rows/infer.ts'
import { root } from './built.ts'
import { wrongForms } from './wrong-values.ts'

type Values = { readonly [field: string]: unknown }
interface Said {
  readonly where: string
  readonly english: string
  readonly german: string
}

const declarationOf = (type: string) => declarations.find((declaration) => declaration.type === type)!
const germanOf = (type: string) =>
  JSON.parse(readFileSync(path.join(root, 'locales/de', `${type}.json`), 'utf8')) as Texts

const used = new Set<string>()

/** A catalogue as the editor asks it; a key that is not there is a mistake. */
function textsIn(catalogue: Texts, type: string): (key: string) => string {
  const texts = new Map(flatten(catalogue))
  return (key) => {
    used.add(key)
    return texts.get(`${type}.${key}`) ?? assert.fail(`the catalogue of ${type} lacks ${key}`)
  }
}

const known = new Map(
  declarations.map((declaration) => {
    const { type } = declaration
    return [type, { english: textsIn(englishCatalogue(declaration), type), german: textsIn(germanOf(type), type) }]
  }),
)

/** What the form of a node of this type says, in both languages. */
function formSays(type: string, values: Values): readonly Said[] {
  const declaration = declarationOf(type)
  const { english, german } = known.get(type)!
  const at = (texts: (key: string) => string) => {
    const around = { texts, referenceProblem: () => undefined }
    const alone = Object.entries(declaration.fields).flatMap(([name, field]) =>
      problemsOf(field, values[name], around).map(({ text }) => `${name}: ${text}`),
    )
    const across = crossProblems(declaration, values, texts)
    return [...alone, ...Object.entries(across).map(([name, { text }]) => `${name}: ${text}`)]
  }
  const both = [at(english), at(german)] as const
  assert.equal(both[0].length, both[1].length)
  return both[0].map((text, i) => ({ where: type, english: text, german: both[1][i]! }))
}

/** What a part of a form says of something pasted there. */
function partSays(type: string, problem: unknown): readonly Said[] {
  if (!(problem instanceof Problem)) return []
  const { english, german } = known.get(type)!
  assert.equal(translated(problem, english), problem.text)
  return [{ where: type, english: problem.text, german: translated(problem, german) }]
}

const pastedForSources = ['[a]\nb = ', '{"a": ', '{"a" "b"}'].flatMap((text) => [
  ...partSays('mqtt-v3-source', readPasted(text)),
  ...partSays('mqtt-v3-source', readSettings(text)),
])
const values = ['JCEKS', 'a://b', 'x', '{"a"', [], [{ schema_type: 'x' }], { a: 'b' }] as const
const settings = systems
  .flatMap(({ options }) => options)
  .flatMap(({ read }) =>
    values.flatMap((value) =>
      partSays(
        'mqtt-v3-source',
        read(value, () => undefined),
      ),
    ),
  )
const table = (options: string) => `CREATE TABLE t (a INT) WITH ('connector' = ${options})`
const tables = ['a INT', table("'x'"), table("'mqtt-v3'"), table("'mqtt-v3', 'format' = 'avro'")]
const payloads = [[], ['1'], ['{'], ['{}']]
const willOnly = "'mqtt-v3', 'format' = 'json', 'broker.host' = 'h', 'topic' = 't', 'last.will.topic' = 'w'"
const notices = readTableImport(
  table(
    `${willOnly}, 'clean-session' = 'true', 'executor.service.threads' = '1', 'ssl' = 'true', 'ssl.protocol.version' = 'TLSv1'`,
  ),
)
const many = Object.fromEntries(Array.from({ length: 101 }, (_none, i) => [`k${i}`, 1]))
const inferred = inferColumns([
  JSON.stringify({ n: 1, f: 1.5, t: 'x', b: true, o: { a: 1 }, l: [1], z: null, many, day: '2025-07-01' }),
  `{"n": null, "big": 9223372036854775808, "time": "2025-07-01T12:00:00Z", "deep": ${'['.repeat(30)}1${']'.repeat(30)}}`,
])
const parts: readonly Said[] = [
  ...(notices instanceof Problem ? [] : notices.notices.flatMap((notice) => partSays('row-schema', notice))),
  ...(inferred instanceof Problem
    ? []
    : inferred.reasons.flatMap(({ why }) => why.flatMap((one) => partSays('row-schema', one)))),
  ...pastedForSources,
  ...settings,
  ...tables.flatMap((text) => partSays('row-schema', readTableImport(text))),
  ...payloads.flatMap((lines) => partSays('row-schema', inferColumns(lines))),
  ...partSays('mqtt-v3-in', filterProblem('')),
  ...partSays('mqtt-v3-source', parseField(questions.broker.field, 'a:0')),
  ...declarations.flatMap(({ type, importer }) => partSays(type, importer?.read('{"a"'))),
]
const said = [...wrongForms.flatMap(([type, form]) => formSays(type, form)), ...parts]

test('every wrong value of the table is said to be wrong, in English and in German', () => {
  for (const [type, form] of wrongForms)
    assert.notDeepEqual(formSays(type, form), [], JSON.stringify(form).slice(0, 200))
  for (const { where, english, german } of said) {
    assert.notEqual(german, english, where)
    assert.doesNotMatch(german, /\bundefined\b|\[object/, where)
  }
})

test('nothing of a German sentence is English, but for what others say: the engine, the TOML reader, the JSON reader', () => {
  const english = /\b(must|the|is|are|has|not|cannot|may|expected|found|and|or|with|of|beyond|line|row|column|option)\b/
  const foreign = /JSON: |TOML: |„\[z-a\]“|"\[z-a\]"/
  for (const { german } of said.filter((each) => !foreign.test(each.german))) {
    const own = german.replace(/"[^"]*"|'[^']*'|„[^“]*“|muss eines sein von .*|row decoder/g, '').replace(/^\w+: /, '')
    assert.doesNotMatch(own, english, german)
  }
})

test('every sentence of every area is said by a check or by the editor itself', () => {
  const editor = readFileSync(path.join(root, 'nodes/shared/editor/surroundings.ts'), 'utf8')
  const unused = flatten(sharedTexts(declarations).problem, 'problem.')
    .map(([key]) => key)
    .filter((key) => !used.has(key) && !editor.includes(`'${key}'`))
  assert.deepEqual(unused, [])
})

test('each field of text with a rule of its own is among the wrong values', () => {
  const probes = ['\0', '{what}', 'a b', '-----BEGIN PRIVATE KEY-----', '..', '{', 'ä://']
  const isPicky = (parse: (raw: unknown) => unknown) => probes.some((probe) => parse(probe) instanceof Problem)
  const missing = declarations.flatMap(({ type, fields }) =>
    Object.entries(fields)
      .filter(([, { kind, parse }]) => (kind === 'text' || kind === 'code') && isPicky(parse))
      .filter(([name]) => !said.some(({ where, english }) => where === type && english.startsWith(`${name}: `)))
      .map(([name]) => `${type}.${name}`),
  )
  assert.deepEqual(missing, [])
})

test('what is wrong in a schema names its line, of SQL and of JSON, and nothing else names one', () => {
  const lineAt = (values: Values, field: string) => {
    const declaration = declarationOf('row-schema')
    return crossProblems(declaration, values, known.get('row-schema')!.german)[field]?.line
  }
  assert.equal(lineAt({ writtenAs: 'sql', schema: 'a INT,\nb\n' }, 'schema'), 3)
  assert.equal(lineAt({ writtenAs: 'sql', schema: '' }, 'schema'), undefined)
  const json = (jsonSchema: string) => lineAt({ writtenAs: 'json-schema', jsonSchema }, 'jsonSchema')
  assert.equal(json('{\n  "type": strin\n}'), 2)
  assert.equal(json('[1]'), undefined)
})
