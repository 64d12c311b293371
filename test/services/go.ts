import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { findProgram, runCommand } from './processes.ts'

/** What our programs in Go need at least; their go.mod says the same. */
const needed = [1, 26] as const
const toolchain = 'v0.0.1-go1.26.0'

/**
 * The path of a program whose sources are in `directory`. It is built once per content of that directory; the result
 * and Go's own downloads are kept outside of the tree.
 */
export async function buildGo(directory: string, name: string): Promise<string> {
  const target = join(homedir(), '.cache/rowline', name, hashOf(directory))
  const program = join(target, name)
  if (existsSync(program)) return program
  await mkdir(join(target, '..'), { recursive: true })
  const draft = await mkdtemp(`${target}-`)
  process.stderr.write(`test: building ${name} with Go; the first time takes some minutes ...\n`)
  const options = ['build', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', join(draft, name), '.']
  await runCommand(await goProgram(), options, { cwd: directory, name: 'go build' })
  await rename(draft, target).catch(() => rm(draft, { recursive: true }))
  return program
}

function hashOf(directory: string): string {
  const hash = createHash('sha256')
  for (const file of readdirSync(directory).sort()) hash.update(`${file}\n`).update(readFileSync(join(directory, file)))
  return hash.digest('hex').slice(0, 16)
}

/** Debian's own Go may be too old: Go's newer tools are modules as well, and it can fetch them. */
async function goProgram(): Promise<string> {
  const go = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : findProgram('go', 'golang-go')
  const [, major = 0, minor = 0] = /go(\d+)\.(\d+)/.exec(await runCommand(go, ['version'])) ?? []
  if (Number(major) === needed[0] && Number(minor) >= needed[1]) return go
  const module = `golang.org/toolchain@${toolchain}.linux-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`
  const answer = await runCommand(go, ['mod', 'download', '-json', module], { env: { GOFLAGS: '-mod=mod' } })
  const { Dir: dir } = JSON.parse(answer) as { readonly Dir: string }
  const tools = join(dir, 'pkg/tool')
  const folders = [join(dir, 'bin'), ...readdirSync(tools).map((platform) => join(tools, platform))]
  for (const folder of folders) for (const file of readdirSync(folder)) chmodSync(join(folder, file), 0o755)
  return join(dir, 'bin/go')
}
