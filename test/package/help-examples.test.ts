import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { declaration } from '../../nodes/row-decoder/declaration.ts'
import type { Texts } from '../../scripts/catalogue.ts'
import { decoderExamples, exampleLines } from '../../scripts/decoder-examples.ts'
import { languages } from '../../scripts/help.ts'
import { parseFields } from '../../src/config/fields.ts'
import { root } from './built.ts'

test('the help of the row decoder has, in each language, what the decoder makes of each example', () => {
  for (const language of languages) {
    const read = (extension: string) =>
      readFileSync(path.join(root, 'locales', language, `row-decoder.${extension}`), 'utf8')
    const lines = exampleLines(language, JSON.parse(read('json')) as Texts)
    assert.equal(lines.split('\n').length, decoderExamples.length)
    assert.ok(read('html').includes(`\n${lines}\n`), language)
  }
})

test('an example is a configuration without problems', () => {
  for (const { options } of decoderExamples) {
    const { config, problems } = parseFields(declaration.fields, { ...options })
    assert.deepEqual(problems, [])
    assert.deepEqual(declaration.check!(config!), [], JSON.stringify(options))
  }
})

test('every format, every choice and every option of the row decoder has an example', () => {
  const shown = (name: string, value: unknown) =>
    decoderExamples.some(({ options }) => JSON.stringify(options[name]) === JSON.stringify(value))
  for (const [name, field] of Object.entries(declaration.fields)) {
    // A route is one schema of several: the examples of "schema" say what becomes of its payloads. A log changes no row.
    if (name === 'routes' || name === 'logLevel') continue
    assert.ok(
      decoderExamples.some(({ options }) => name in options),
      name,
    )
    for (const value of field.values ?? []) assert.ok(value === field.default || shown(name, value), `${name} ${value}`)
    if (field.kind === 'flag') assert.ok(shown(name, !field.default), name)
  }
})
