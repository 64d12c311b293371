import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { packageTarball, projectDirectory, runNpm } from '../services/package.ts'
import { temporaryDirectory } from '../services/processes.ts'

/** A Node.js, and a Node-RED to run on it. */
export interface Gateway {
  /** Path of the program. */
  readonly node: string
  /** Path of its red.js. */
  readonly script: string
}

const manifest = join(import.meta.dirname, 'runtimes')
const files = ['package.json', 'package-lock.json']
const cache = join(homedir(), '.cache/rowline/gateways')

/** An answer of the npm registry that does not come fails a test in words, and not by its time limit. */
const patience = ['--no-audit', '--no-fund', '--no-update-notifier', '--fetch-timeout=60000', '--fetch-retries=1']
const installTimeoutMs = 280_000
const paletteTimeoutMs = 120_000

/** `node` and `nodeRed` are names in runtimes/package.json; without one it is the project's own. */
export function gateway(modules: string, node: string | undefined, nodeRed: string | undefined): Gateway {
  return {
    node: node === undefined ? process.execPath : join(modules, node, 'bin/node'),
    script: join(
      nodeRed === undefined ? join(projectDirectory, 'node_modules/node-red') : join(modules, nodeRed),
      'red.js',
    ),
  }
}

/**
 * The directory of those packages, which npm fetches once. Rejects within five minutes.
 *
 * Not among the project's own packages: each Node.js there would also be called `node`, and the one that npm happens
 * to link last would run everything.
 */
export async function installGateways(): Promise<string> {
  const hash = createHash('sha256').update(process.platform).update(process.arch)
  for (const file of files) hash.update(readFileSync(join(manifest, file)))
  const directory = join(cache, hash.digest('hex').slice(0, 16))
  if (!existsSync(directory)) {
    process.stderr.write(
      `gateways: installing other versions of Node.js and Node-RED into ${directory} (400 MB, once)\n`,
    )
    mkdirSync(cache, { recursive: true })
    const work = mkdtempSync(join(cache, 'install-'))
    try {
      for (const file of files) cpSync(join(manifest, file), join(work, file))
      await runNpm(['ci', ...patience], work, { timeoutMs: installTimeoutMs })
      if (!existsSync(directory)) renameSync(work, directory)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  return join(directory, 'node_modules')
}

/** A user directory into which the package has been installed as the palette of this gateway does it. */
export async function paletteInstall({ node }: Gateway): Promise<string> {
  const userDir = temporaryDirectory('gateway')
  writeFileSync(join(userDir, 'package.json'), '{"name":"user"}')
  const palette = ['install', ...patience, '--save', '--save-prefix=~', '--omit=dev', '--engine-strict']
  await runNpm([...palette, await packageTarball()], userDir, { node, timeoutMs: paletteTimeoutMs })
  return userDir
}
