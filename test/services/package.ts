import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { runCommand } from './processes.ts'

export const projectDirectory = join(import.meta.dirname, '../..')
const modules = join(projectDirectory, 'node_modules')
const cache = join(homedir(), '.cache/rowline/packages')
export const npm = join(modules, 'npm/bin/npm-cli.js')

/** Everything that the tarball is made of. */
const sources = [
  'src',
  'nodes',
  'locales',
  'scripts',
  'docs',
  'examples',
  'monitoring',
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
]
const settings = ['tsconfig.json', 'tsconfig.editor.json', 'package-lock.json']
const keptMs = 3_600_000

let built: Promise<string> | undefined

/**
 * Path of the package as `npm pack` makes it. Built in a copy of the tree, so that it neither disturbs `dist` nor
 * sees files that change meanwhile, and kept until one of its sources changes.
 */
export function packageTarball(): Promise<string> {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  const directory = join(cache, `package-${sourceHash()}`)
  const tarball = join(directory, 'package.tgz')
  if (existsSync(tarball)) return tarball
  mkdirSync(cache, { recursive: true })
  for (const old of readdirSync(cache)) {
    const path = join(cache, old)
    if (Date.now() - statSync(path).mtimeMs > keptMs) rmSync(path, { recursive: true, force: true })
  }
  const work = mkdtempSync(join(cache, 'build-'))
  try {
    const tree = join(work, 'tree')
    for (const part of present([...sources, ...settings]))
      cpSync(join(projectDirectory, part), join(tree, part), { recursive: true })
    symlinkSync(modules, join(tree, 'node_modules'))
    const packed = await runNpm(['pack', '--json', '--silent', '--pack-destination', work], tree)
    const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('['))) as [{ readonly filename: string }]
    const finished = join(work, 'finished')
    mkdirSync(finished)
    renameSync(join(work, filename), join(finished, 'package.tgz'))
    if (!existsSync(tarball)) renameSync(finished, directory)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return tarball
}

/** npm as Node-RED brings it, run by this Node or another. */
export const runNpm = (
  args: readonly string[],
  cwd: string,
  { node = process.execPath, timeoutMs = 0 }: { readonly node?: string; readonly timeoutMs?: number } = {},
): Promise<string> => {
  const path = `${dirname(node)}:${join(modules, '.bin')}:${process.env.PATH}`
  return runCommand(node, [npm, ...args], { name: `npm ${args[0]}`, cwd, env: { PATH: path }, timeoutMs })
}

/**
 * Puts the tarball's contents where `npm install` in `userDir` would, with this project's copies of its dependencies.
 * `patch` may then change the installed files (it gets their directory): for tests of the tests.
 */
export async function installPackage(userDir: string, patch?: (directory: string) => void): Promise<void> {
  const { name, dependencies = {}, optionalDependencies = {} } = readPackage()
  const directory = join(userDir, 'node_modules', name)
  mkdirSync(directory, { recursive: true })
  await runCommand('tar', ['-xzf', await packageTarball(), '-C', directory, '--strip-components=1'])
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const link = join(userDir, 'node_modules', dependency)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(modules, dependency), link)
  }
  patch?.(directory)
}

interface PackageJson {
  readonly name: string
  readonly version: string
  readonly 'node-red': { readonly nodes: { readonly [type: string]: string } }
  readonly dependencies?: { readonly [name: string]: string }
  readonly optionalDependencies?: { readonly [name: string]: string }
}

export const readPackage = () => JSON.parse(readFileSync(join(projectDirectory, 'package.json'), 'utf8')) as PackageJson

function sourceHash(): string {
  const hash = createHash('sha256').update(process.version)
  for (const part of present([...sources, ...settings])) {
    const path = join(projectDirectory, part)
    const files = statSync(path).isDirectory()
      ? globSync('**/*', { cwd: path }).map((file) => join(path, file))
      : [path]
    for (const file of files.sort()) if (statSync(file).isFile()) hash.update(`\0${file}\0`).update(readFileSync(file))
  }
  return hash.digest('hex').slice(0, 16)
}

const present = (parts: readonly string[]) => parts.filter((part) => existsSync(join(projectDirectory, part)))
