import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

const root = path.join(import.meta.dirname, '..')

interface Import {
  /** A path from the package's root, or a package's name. */
  readonly target: string
  readonly lazy: boolean
  readonly typeOnly: boolean
}

interface Source {
  readonly file: string
  readonly text: string
  readonly imports: readonly Import[]
}

const statement = /^\s*(?:import|export)\b(\s+type\b)?[^'"()]*?\bfrom\s+'([^']+)'|^\s*import\s+'([^']+)'/gm
const call = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

function readSource(file: string, content: string): Source {
  const text = content.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const target = (name: string) => (name.startsWith('.') ? path.posix.join(path.posix.dirname(file), name) : name)
  const statements = [...text.matchAll(statement)].map(
    ([, type, from, bare]): Import => ({
      target: target(from ?? bare ?? ''),
      lazy: false,
      typeOnly: type !== undefined,
    }),
  )
  // `import('x').Y` in a type reads the same as a lazy import and is as harmless.
  const calls = [...text.matchAll(call)].map(
    ([, from]): Import => ({ target: target(from!), lazy: true, typeOnly: false }),
  )
  return { file, text, imports: [...statements, ...calls] }
}

const isOurs = ({ target }: Import) => /^(src|nodes|examples|test|scripts|bench)\//.test(target)
const isNodeRed = ({ target }: Import) => /^(node-red|@node-red)(\/|$)/.test(target)
const folderOf = (file: string) => /^src\/sinks\/[^/]+\/|^src\/[^/]+\/|^[^/]+\//.exec(file)?.[0] ?? ''
const isClient = (one: Import) => !isOurs(one) && !one.target.startsWith('node:') && !isNodeRed(one)

/** Where a file may import from, by its own folder: the first entry that fits. */
const allowed: readonly (readonly [folder: RegExp, targets: RegExp])[] = [
  [/^src\/core\//, /^src\/core\//],
  [/^src\/config\//, /^src\/(config|core)\//],
  [/^src\/mqtt\//, /^src\/(mqtt|config|core)\//],
  [/^src\/rows\//, /^src\/(rows|config|core)\//],
  [/^src\/outbox\//, /^src\/(outbox|config|core)\//],
  [/^src\/google\//, /^src\/(google|config|core)\//],
  [/^src\/metrics\//, /^src\/(metrics|config|core)\//],
  // Of the editor alone: it knows the fields of every node.
  [/^src\/migration\//, /^src\//],
  [/^src\/sinks\/index\.ts$/, /^src\/sinks\//],
  [/^src\/sinks\//, /^src\/(sinks\/[^/]+\.ts$|google\/|config\/|core\/)/],
  [/^nodes\/shared\/editor\//, /^(nodes|src|examples)\//],
  [/^nodes\//, /^(nodes|src)\//],
]

function violations({ file, text, imports }: Source): string[] {
  const targets = allowed.find(([folder]) => folder.test(file))?.[1] ?? /^$/
  const own = folderOf(file)
  const wrong = (which: (one: Import) => boolean, why: string) =>
    imports.filter(which).map(({ target }) => `${file} imports ${target}: ${why}`)
  const inSrc = file.startsWith('src/')
  const isSink = /^src\/sinks\/[^/]+\//.test(file)
  const isLazy = isSink || file.startsWith('src/google/')
  return [
    ...wrong((one) => isOurs(one) && !targets.test(one.target) && !one.target.startsWith(own), 'wrong direction'),
    ...wrong((one) => inSrc && isNodeRed(one), 'only nodes/ may know Node-RED'),
    ...wrong((one) => isClient(one) && !inSrc, 'client libraries belong to a folder below src/'),
    ...wrong((one) => isClient(one) && /^src\/(core|config)\//.test(file), 'no packages here'),
    ...wrong((one) => isClient(one) && isLazy && !one.lazy && !one.typeOnly, 'a sink loads its client lazily'),
    ...wrong((one) => /^src\/config\//.test(file) && one.target.startsWith('node:'), 'this also runs in the browser'),
    ...(isSink && /\bset(Timeout|Interval)\b/.test(text) ? [`${file} has a timer: waiting belongs to src/core`] : []),
    ...(isSink && /\b(for|while)\b[^\n]*\b(attempt|retr)/i.test(text)
      ? [`${file} has an attempt loop: repeating belongs to src/core`]
      : []),
  ]
}

/** A client library in two folders would be two places that know it. */
function sharedClients(sources: readonly Source[]): string[] {
  const users = new Map<string, Set<string>>()
  for (const { file, imports } of sources.filter((source) => source.file.startsWith('src/'))) {
    for (const { target } of imports.filter(isClient)) {
      users.set(target, (users.get(target) ?? new Set()).add(folderOf(file)))
    }
  }
  return [...users].filter(([, folders]) => folders.size > 1).map(([name, in_]) => `${name} is used in ${[...in_]}`)
}

const sources = globSync('{src,nodes}/**/*.ts', { cwd: root }).map((file) =>
  readSource(file, readFileSync(path.join(root, file), 'utf8')),
)

test('every import follows the direction nodes -> src/{mqtt,rows,outbox,sinks} -> src/google -> src/config -> src/core', () => {
  assert.ok(sources.length > 30, 'the sources were found')
  assert.deepEqual(sources.flatMap(violations), [])
})

test('a client library is known in one folder only', () => {
  assert.deepEqual(sharedClients(sources), [])
  const mqtt = readSource('src/mqtt/a.ts', "import { connect } from 'mqtt'")
  const other = readSource('src/sinks/x/a.ts', "const { connect } = await import('mqtt')")
  assert.deepEqual(sharedClients([mqtt, other]), ['mqtt is used in src/mqtt/,src/sinks/x/'])
})

test('each broken rule is named', () => {
  const cases = [
    ['src/core/a.ts', "import { x } from '../config/fields.ts'", 'wrong direction'],
    ['src/config/a.ts', "import type { x } from '../mqtt/config.ts'", 'wrong direction'],
    ['src/mqtt/a.ts', "import {\n  x,\n} from '../rows/row-schema.ts'", 'wrong direction'],
    ['src/sinks/file/a.ts', "export * from '../kafka/config.ts'", 'wrong direction'],
    ['src/rows/a.ts', "import type { Node } from 'node-red'", 'only nodes/ may know Node-RED'],
    ['nodes/kafka-sink/a.ts', "import { Producer } from '@platformatic/kafka'", 'client libraries'],
    ['src/sinks/kafka/a.ts', "import { Producer } from '@platformatic/kafka'", 'lazily'],
    ['src/google/a.ts', "import { GoogleAuth } from 'google-auth-library'", 'lazily'],
    ['src/google/a.ts', "import { x } from '../sinks/pubsub/sink.ts'", 'wrong direction'],
    ['src/core/a.ts', "import mqtt from 'mqtt'", 'no packages here'],
    ['src/config/a.ts', "import { readFileSync } from 'node:fs'", 'browser'],
    ['src/sinks/kafka/a.ts', 'await new Promise((resolve) => setTimeout(resolve, 5))', 'timer'],
    ['src/sinks/kafka/a.ts', 'for (let attempt = 0; attempt < 3; attempt++) {}', 'attempt loop'],
  ] as const
  for (const [file, text, expected] of cases) {
    const found = violations(readSource(file, text))
    assert.equal(found.length, 1, `${file}: ${text}`)
    assert.match(found[0]!, new RegExp(expected))
  }
})

test('what the rules allow is not reported', () => {
  const cases = [
    [
      'src/sinks/kafka/a.ts',
      "import type { Producer } from '@platformatic/kafka'\nimport type { D } from '../definition.ts'",
    ],
    ['src/sinks/kafka/a.ts', "const { Producer } = await import('@platformatic/kafka')"],
    ['src/sinks/index.ts', "import { kafkaSink } from './kafka/sink.ts'"],
    ['src/sinks/pubsub/a.ts', "import { x } from '../../google/config.ts'"],
    ['src/mqtt/a.ts', "// import x from '../rows/x.ts'\nimport { x } from '../core/window.ts'"],
    ['nodes/kafka-sink/a.ts', "import type { NodeAPI } from 'node-red'\nimport { x } from '../../src/core/x.ts'"],
  ] as const
  for (const [file, text] of cases) assert.deepEqual(violations(readSource(file, text)), [])
})
