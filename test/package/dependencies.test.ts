import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isPlatformaticPossible, platformaticSince } from '../../src/sinks/kafka/choice.ts'
import { readPackage } from '../services/package.ts'
import { runCommand } from '../services/processes.ts'
import { root } from './built.ts'

interface Manifest {
  readonly version: string
  readonly engines?: { readonly node?: string }
  readonly dependencies?: { readonly [name: string]: string }
}

const platformatic = '@platformatic/kafka'
const numbers = (version: string) => version.split('.').map(Number) as [number, number, number]

/** Throws when it is not installed: npm leaves it out, without a word, where Node.js is too old for it. */
const manifestOf = (name: string) =>
  JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as Manifest

/** Of ">= 22.22.0 || >= 24.6.0"; no other form is understood. */
function accepts(range: string, version: string): boolean {
  return range.split('||').some((part) => {
    const [, first] = /^\s*>=\s*(\d+(?:\.\d+){0,2})\s*$/.exec(part) ?? assert.fail(`cannot read "${range}"`)
    const [wanted, here] = [numbers(first!), numbers(version)]
    const differs = here.findIndex((number, i) => number !== (wanted[i] ?? 0))
    return differs === -1 || here[differs]! > (wanted[differs] ?? 0)
  })
}

test('everything runs on Node.js 24, whatever other versions the tests bring', async () => {
  assert.equal(numbers(process.versions.node)[0], 24)
  assert.match(await runCommand(join(root, 'node_modules/.bin/node'), ['--version']), /^v24\./)
})

test('the faster Kafka client is installed, in a version that keeps acknowledged records', () => {
  const [major, minor] = numbers(manifestOf(platformatic).version)
  assert.ok(major === 2 && minor >= 12)
})

test('a gateway gets kafkajs always, and the faster client where its Node.js fits', () => {
  const { dependencies, optionalDependencies } = readPackage()
  assert.ok(dependencies?.kafkajs)
  assert.ok(optionalDependencies?.[platformatic])
})

test('the faster Kafka client is taken only where it and all it needs may run', () => {
  const lines = platformaticSince.map(({ major, minor }) => `${major}.${minor}.0`)
  const names = new Set([platformatic])
  for (const name of names) {
    const { engines, dependencies = {} } = manifestOf(name)
    for (const dependency of Object.keys(dependencies)) names.add(dependency)
    for (const version of [...lines, '25.0.0'])
      assert.ok(accepts(engines?.node ?? '>=0', version), `${name} takes ${version}`)
  }
  assert.ok(names.size > 5)
})

test('the faster Kafka client is taken from the first version on that it may run on', () => {
  const { engines } = manifestOf(platformatic)
  assert.equal(engines?.node, platformaticSince.map(({ major, minor }) => `>= ${major}.${minor}.0`).join(' || '))
  for (const version of ['20.19.0', '22.9.0', '22.21.1', '23.11.0', '24.0.0', '24.5.9'])
    assert.equal(isPlatformaticPossible(version), false, version)
  for (const version of ['22.22.0', '22.30.1', '24.6.0', '24.21.0', '25.0.0', '26.1.0'])
    assert.equal(isPlatformaticPossible(version), true, version)
})
