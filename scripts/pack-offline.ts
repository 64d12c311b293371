import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { packageTarball, projectDirectory } from '../test/services/package.ts'
import { runCommand, temporaryDirectory } from '../test/services/processes.ts'

/** Tarballs that a gateway without internet installs: `npm run pack:offline`, or `-- directory` for another place. */

/** By the end of its file name: the optional dependencies that go into it. The others are left out of its manifest. */
export const offlineKinds = {
  offline: [],
  'offline-google': ['google-auth-library'],
} as const satisfies { readonly [kind: string]: readonly string[] }

export type OfflineKind = keyof typeof offlineKinds

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: { readonly [name: string]: string }
  readonly optionalDependencies?: { readonly [name: string]: string }
  readonly scripts?: { readonly [name: string]: string }
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
}

const manifestIn = (directory: string) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest

/** The package with everything below it that `npm install` would fetch; gives the path of the tarball. */
export async function packOffline(kind: OfflineKind, destination: string): Promise<string> {
  const work = temporaryDirectory('offline')
  await runCommand('tar', ['-xzf', await packageTarball(), '-C', work])
  const directory = join(work, 'package')
  const { optionalDependencies = {}, scripts: _, ...manifest } = manifestIn(directory)
  const chosen = Object.fromEntries(offlineKinds[kind].map((name) => [name, optionalDependencies[name]!]))
  const dependencies = { ...manifest.dependencies, ...chosen }
  for (const source of closure(Object.keys(dependencies))) copyPackage(source, directory)
  const packed = { ...manifest, dependencies, bundleDependencies: Object.keys(dependencies) }
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`)
  mkdirSync(destination, { recursive: true })
  const { name, version } = manifest
  const tarball = join(destination, `${name.replace('@', '').replace('/', '-')}-${version}-${kind}.tgz`)
  await runCommand('tar', ['-czf', tarball, '-C', work, '--owner=0', '--group=0', '--sort=name', 'package'])
  rmSync(work, { recursive: true })
  return tarball
}

/** The directories of these packages and of all that they need, as this project has them installed. */
function closure(names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  const add = (name: string, user: string) => {
    const directory = installed(name, user)
    if (found.has(directory)) return
    found.add(directory)
    for (const needed of Object.keys(manifestIn(directory).dependencies ?? {})) add(needed, directory)
  }
  for (const name of names) add(name, projectDirectory)
  return found
}

/** Where Node.js finds `name` for a file in `user`. */
function installed(name: string, user: string): string {
  const directory = join(user, 'node_modules', name)
  if (existsSync(join(directory, 'package.json'))) return directory
  if (user === projectDirectory) throw new Error(`${name} is not installed: run npm ci`)
  return installed(name, dirname(user))
}

/** What belongs to one platform must not be in a tarball for all of them. */
function copyPackage(source: string, target: string): void {
  const { name, scripts = {}, os, cpu } = manifestIn(source)
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  const own = files.filter((file) => !/(^|\/)node_modules(\/|$)/.test(file))
  const native = own.find((file) => /\.node$|(^|\/)binding\.gyp$/.test(file))
  const script = ['preinstall', 'install', 'postinstall'].find((event) => scripts[event] !== undefined)
  if (os || cpu || native || script) throw new Error(`${name} cannot be bundled: ${native ?? script ?? 'os, cpu'}`)
  for (const file of own) {
    const from = join(source, file)
    if (!statSync(from).isFile() || file.endsWith('.map')) continue
    cpSync(from, join(target, relative(projectDirectory, source), file))
  }
}

if (import.meta.main) {
  const destination = resolve(process.argv[2] ?? projectDirectory)
  for (const kind of Object.keys(offlineKinds) as OfflineKind[]) {
    const tarball = await packOffline(kind, destination)
    console.log(`${basename(tarball)}: ${(statSync(tarball).size / 2 ** 20).toFixed(1)} MiB`)
  }
}
