import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { findProgram, runCommand } from './processes.ts'

/** What our programs in Go need at least; their go.mod says the same. */
const needed = [1, 26] as const
const toolchain = 'v0.0.1-go1.26.0'
const cache = join(homedir(), '.cache/rowline')

/**
 * The path of a program whose sources are in `directory`. It is built once per content of that directory; the result
 * and Go's own downloads are kept outside of the tree.
 */
export async function buildGo(directory: string, name: string): Promise<string> {
  const target = join(cache, name, hashOf(directory))
  const program = join(target, name)
  if (existsSync(program)) return program
  await mkdir(join(target, '..'), { recursive: true })
  const draft = await mkdtemp(`${target}-`)
  process.stderr.write(`test: building ${name} with Go; the first time takes some minutes ...\n`)
  const options = ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', join(draft, name), '.']
  await runCommand(await goProgram(), options, { cwd: directory, name: 'go build', env: { GOTOOLCHAIN: 'local' } })
  await rename(draft, target).catch(() => rm(draft, { recursive: true }))
  return program
}

function hashOf(directory: string): string {
  const hash = createHash('sha256')
  for (const file of readdirSync(directory).sort()) hash.update(`${file}\n`).update(readFileSync(join(directory, file)))
  return hash.digest('hex').slice(0, 16)
}

async function goProgram(): Promise<string> {
  const go = findProgram('go', 'golang-go')
  const [, major = 0, minor = 0] = /go(\d+)\.(\d+)/.exec(await runCommand(go, ['version'])) ?? []
  return Number(major) === needed[0] && Number(minor) >= needed[1] ? go : join(await newerGo(go), 'bin/go')
}

/** Debian's own Go may be too old. Newer ones are modules as well, which it can fetch but not start. */
async function newerGo(go: string): Promise<string> {
  const target = join(cache, 'go', toolchain)
  if (existsSync(target)) return target
  await mkdir(join(cache, 'go'), { recursive: true })
  const module = `golang.org/toolchain@${toolchain}.linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`
  process.stderr.write(`test: fetching ${module} ...\n`)
  const answer = await runCommand(go, ['mod', 'download', '-json', module])
  const draft = await mkdtemp(`${target}-`)
  await cp((JSON.parse(answer) as { readonly Dir: string }).Dir, draft, { recursive: true })
  await runCommand('chmod', ['-R', 'u+wx', draft])
  for (const folder of ['src', 'src/cmd']) await rename(join(draft, folder, '_go.mod'), join(draft, folder, 'go.mod'))
  await rename(draft, target).catch(() => rm(draft, { recursive: true }))
  return target
}
