import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const read = (file: string) => readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
const sorted = (packages: Iterable<string>) => [...new Set(packages)].sort()

test('README, the test script and .ci/run name the same Debian packages', () => {
  const [, demanded = ''] = /^const programs = \{(.+?)^\}/ms.exec(read('scripts/test.ts')) ?? []
  const packages = sorted([...demanded.matchAll(/: '(.+)'/g)].map(([, name]) => name!))
  assert.ok(packages.length > 5, demanded)
  const [, told = ''] = /^\| `npm test` \| Debian packages `(.+?)`/m.exec(read('README.md')) ?? []
  assert.deepEqual(sorted(told.split(' ')), packages)
  const [, installed = ''] = /^needed=\((.+)\)$/m.exec(read('.ci/run')) ?? []
  const ofCi = [...installed.split(' ').map((pair) => pair.split(':')[1]!), 'python3-venv']
  assert.deepEqual(sorted(ofCi), packages)
})
