import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { sidebarName } from '../../nodes/shared/sidebar-texts.ts'
import { flatten, sharedTexts, type Texts } from '../../scripts/catalogue.ts'
import { generatedFiles } from '../../scripts/generate.ts'
import { languages } from '../../scripts/help.ts'
import { build, readHtml, root } from './built.ts'

let dist = ''
before(async () => {
  dist = await build()
})

const catalogue = (type: string, language: string): Texts =>
  JSON.parse(readFileSync(path.join(dist, 'nodes', type, 'locales', language, `${type}.json`), 'utf8')) as Texts

/** Asked for by name in the editor script and the help (and, where a form has nothing to fold, `advanced`). */
const usedByCode =
  /^(label|summary|output\.\d+|part\.[\w-]+|form\.(advanced|addRow|row|example|environment|choose)|problem\.\w+\.\w+|import\.(nothing|(line|notice)\.\w+))$/

test('generated files are as the declarations say; "npm run generate" makes them so', async () => {
  const stale = (await generatedFiles()).filter(
    ([file, content]) => readFileSync(path.join(root, file), 'utf8') !== content,
  )
  assert.deepEqual(
    stale.map(([file]) => file),
    [],
  )
})

test('every language has the same keys and no empty text', () => {
  for (const { type } of declarations) {
    const keys = flatten(catalogue(type, 'en-US')).map(([key]) => key)
    for (const language of languages) {
      const texts = flatten(catalogue(type, language))
      assert.deepEqual(texts.map(([key]) => key).sort(), [...keys].sort(), `${language} ${type}`)
      assert.deepEqual(
        texts.filter(([, text]) => text.trim() === ''),
        [],
      )
    }
  }
})

test('the sidebar has its texts in every language, with the same names to fill in', () => {
  const folder = path.join(dist, 'nodes', sidebarName)
  const textsIn = (language: string) =>
    flatten(JSON.parse(readFileSync(path.join(folder, 'locales', language, `${sidebarName}.json`), 'utf8')) as Texts)
  const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()
  const english = textsIn('en-US').map(([key, text]) => [key, holes(text)] as const)
  assert.ok(english.length > 60)
  for (const language of languages) {
    const texts = textsIn(language)
    assert.deepEqual(
      texts.map(([key, text]) => [key, text.trim() === '' ? undefined : holes(text)]),
      english,
      language,
    )
  }
  const code = globSync('nodes/shared/editor/sidebar*.ts', { cwd: root }).map((file) =>
    readFileSync(path.join(root, file), 'utf8'),
  )
  const unused = english.filter(
    ([key]) => !/^(finding|guarantee|empty)\./.test(key) && !code.some((text) => text.includes(`'${key}'`)),
  )
  assert.deepEqual(unused, [])
})

test('a translated sentence keeps the names it is filled with', () => {
  for (const { type } of declarations) {
    const english = new Map(flatten(catalogue(type, 'en-US')))
    for (const [key, text] of flatten(catalogue(type, 'de')).filter(([key]) => /\.(problem|part)\./.test(key))) {
      const holes = (sentence: string) => [...sentence.matchAll(/\{\w+\}/g)].map(String).sort()
      assert.deepEqual(holes(text), holes(english.get(key)!), key)
    }
  }
})

test('what all types have in common has a German text for each English one, with the same names to fill in', () => {
  const german = JSON.parse(readFileSync(path.join(root, 'locales/de/shared.json'), 'utf8')) as Texts
  const english = sharedTexts(declarations)
  const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()
  const shape = (texts: Texts) =>
    flatten(texts)
      .map(([key, text]) => [key, holes(text)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
  assert.deepEqual(shape(german), shape({ ...english }))
  for (const { type } of declarations) {
    const { form, problem } = catalogue(type, 'de')[type] as { readonly [section: string]: Texts }
    assert.deepEqual(form, german.form)
    for (const [area, texts] of Object.entries(problem!)) assert.deepEqual(texts, (german.problem as Texts)[area], type)
  }
})

test('every key is used, and every key that is used exists', () => {
  for (const { type } of declarations) {
    const attributes = [...readHtml(dist, type).matchAll(/data-i18n="([^"]+)"/g)].flatMap(([, keys]) =>
      keys!.split(';'),
    )
    const inForm = new Set(attributes.map((key) => key.replace(/^\[\w+\]/, '')))
    const keys = flatten(catalogue(type, 'en-US')).map(([key]) => key)
    assert.deepEqual(
      keys.filter((key) => !inForm.has(key) && !usedByCode.test(key.slice(type.length + 1))),
      [],
    )
    assert.deepEqual(
      [...inForm].filter((key) => !keys.includes(key)),
      [],
    )
  }
})

test('the help of every type has every option in every language, the summary first', () => {
  for (const { type, fields } of declarations) {
    for (const language of languages) {
      const help = readFileSync(path.join(dist, 'nodes', type, 'locales', language, `${type}.html`), 'utf8')
      const texts = new Map(flatten(catalogue(type, language)))
      const first = `<script type="text/markdown" data-help-name="${type}">\n${texts.get(`${type}.summary`)}\n\n`
      assert.ok(help.startsWith(first), `${language} ${type}`)
      for (const name of Object.keys(fields))
        assert.ok(help.includes(`<dt>${texts.get(`${type}.field.${name}.label`)} <`), `${language} ${type} ${name}`)
    }
  }
})
