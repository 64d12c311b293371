import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { flatten } from '../../scripts/catalogue.ts'
import { root } from './built.ts'

/** Declarations and lists of texts are no use of a text. */
const code = globSync('{nodes,src}/**/*.ts', { cwd: root })
  .filter((file) => !/(-texts|-notices|declaration)\.ts$/.test(file))
  .map((file) => readFileSync(path.join(root, file), 'utf8'))
  .join('\n')

/** In quotes as a whole, or as its parts, which the code puts together: `tls-expires`. */
function isUsed(key: string): boolean {
  const isQuoted = (word: string) => code.includes(`'${word}'`)
  const [step = '', ...outcome] = key.split('-')
  return isQuoted(key) || (outcome.length > 0 && isQuoted(step) && isQuoted(outcome.join('-')))
}

test('each text of a part of a form is asked for by the code', () => {
  const texts = declarations.flatMap(({ type, editorPart }) =>
    flatten(editorPart?.texts ?? {}).map(([key]) => ({ type, key })),
  )
  assert.ok(texts.length > 100)
  assert.deepEqual(
    texts.filter(({ key }) => !isUsed(key)),
    [],
  )
})
