import { globSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { startKafka } from '../test/services/kafka.ts'
import { runNpm } from '../test/services/package.ts'
import { findProgram, runCommand } from '../test/services/processes.ts'

/** Directories below `test` whose tests need nothing but npm, in the order in which they run. */
const unitDirectories = [
  '.',
  'core',
  'config',
  'rows',
  'migration',
  'mqtt-unit',
  'metrics',
  'ledger',
  'guarantee',
  'package',
]

/** Run last: they take longest and mean little while anything before them fails. */
const lastDirectory = 'loss'

/** What the tests with services start, and the Debian package that brings it. */
const programs = {
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  openssl: 'openssl',
  java: 'default-jre-headless',
  mvn: 'maven',
  chromium: 'chromium',
  go: 'golang-go',
  python3: 'python3-venv',
  prometheus: 'prometheus',
  promtool: 'prometheus',
} as const

const project = join(import.meta.dirname, '..')
const [mode] = process.argv.slice(2)
const isSoak = mode === 'soak'
const testTimeoutMs = isSoak ? 10_800_000 : 300_000
const fileTimeoutMs = isSoak ? 14_400_000 : 900_000
/**
 * The runner's own limit is for single tests: a file that hangs outside of them, or leaves something open, would hang
 * for ever. `--test-force-exit` is no way out: it leaves out the tests that stand behind a top-level await.
 */
const fileLimit = `setTimeout(() => {
  console.error('test: ended after ${fileTimeoutMs} ms: ' + process.argv[1])
  process.exit(1)
}, ${fileTimeoutMs}).unref()`

if (!['unit', 'soak', undefined].includes(mode)) throw new Error('Usage: node scripts/test.ts [unit | soak]')
if (isSoak) process.env.ROWLINE_SOAK = '1'
try {
  process.exitCode = (await (mode === 'unit' ? runFiles(unitFiles()) : everything())) ? 0 : 1
} catch (error) {
  process.stderr.write(`test: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function everything(): Promise<boolean> {
  for (const [program, debianPackage] of Object.entries(programs)) findProgram(program, debianPackage)
  await stage('types', () => runNpm(['run', '--silent', 'typecheck'], project))
  await stage('lint and format', () => runNpm(['run', '--silent', 'lint', '--', '--error-on-warnings'], project))
  const generate = [join(project, 'scripts/generate.ts'), '--check']
  await stage('generated files are fresh', () => runCommand(process.execPath, generate, { name: 'generate --check' }))
  await stage('build', () => runNpm(['run', '--silent', 'build'], project))
  const kafka = await stage('Apache Kafka for all tests', () => startKafka())
  process.env.ROWLINE_TEST_KAFKA = kafka.brokers
  try {
    return await runFiles(isSoak ? filesIn(lastDirectory) : [...unitFiles(), ...serviceFiles()])
  } finally {
    await kafka.stop()
  }
}

async function stage<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now()
  process.stderr.write(`test: ${name} ...\n`)
  const result = await work()
  process.stderr.write(`test: ${name} ok after ${((performance.now() - start) / 1000).toFixed(1)} s\n`)
  return result
}

/**
 * Runs the files one after the other, each in a process of its own. The last lines are the test runner's own summary.
 * Gives whether all have passed.
 */
async function runFiles(files: readonly string[]): Promise<boolean> {
  process.stderr.write(`test: ${files.length} test files ...\n`)
  const execArgv = [`--import=data:text/javascript,${encodeURIComponent(fileLimit)}`]
  const events = run({ files: [...files], concurrency: 1, timeout: testTimeoutMs, execArgv })
  let passed = true
  events.on('test:fail', ({ todo }) => {
    passed &&= todo !== undefined
  })
  for await (const text of events.compose(new spec())) process.stdout.write(text)
  return passed
}

function unitFiles(): string[] {
  return unitDirectories.flatMap(filesIn)
}

function serviceFiles(): string[] {
  const all = readdirSync(join(project, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const names = all.map((entry) => entry.name).filter((name) => ![...unitDirectories, lastDirectory].includes(name))
  return [...names.sort(), lastDirectory].flatMap(filesIn)
}

function filesIn(directory: string): string[] {
  const path = join(project, 'test', directory)
  return globSync('*.test.ts', { cwd: path })
    .sort()
    .map((file) => join(path, file))
}
