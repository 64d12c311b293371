import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from './built.ts'

test('every statement of docs/mqtt-conformance.md names a test that exists', () => {
  const text = readFileSync(join(root, 'docs/mqtt-conformance.md'), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('| MQTT-'))
  assert.ok(rows.length > 30)
  for (const row of rows) {
    const [, statement, , proof] = row
      .split(' | ')
      .map((cell) => cell.replace(/^\| | \|$/g, ''))
      .toSpliced(0, 0, '')
    const [, file, title] = /^(\S+\.test\.ts): (.+)$/.exec(proof ?? '') ?? []
    assert.ok(file && title && existsSync(join(root, 'test', file)), `${statement}: ${proof}`)
    const source = readFileSync(join(root, 'test', file), 'utf8')
    const titles = [...source.matchAll(/\b(?:test|it)\(\s*(['"`])(.*?)\1,/gs)].map(([, , name]) => name!)
    assert.ok(
      titles.some((name) => name.includes(title)),
      `${statement}: ${file} has no test "${title}"`,
    )
  }
})
