import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { declarations } from '../nodes/declarations.ts'
import { sidebarName } from '../nodes/shared/sidebar-texts.ts'
import type { NodeDeclaration } from '../src/config/declaration.ts'
import { editorHtml, sidebarHtml } from './editor-html.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const languages = ['en-US', 'de']

/** Writes the package's `dist` to `out`, which must not exist. Types are checked elsewhere (`npm run typecheck`). */
export async function buildPackage(out: string): Promise<void> {
  const { name } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { name: string }
  const needed = [...declarations.flatMap(neededFiles), ...languages.map(sidebarLocale)]
  const missing = needed.filter((file) => !existsSync(path.join(root, file)))
  if (missing.length > 0) throw new Error(`These files are missing:\n  ${missing.join('\n  ')}`)
  const emitted = emitRuntime(out)
  await Promise.all([...declarations.map((declaration) => emitEditor(declaration, name, out)), emitSidebar(name, out)])
  await emitted
}

function neededFiles({ type, icon }: NodeDeclaration): string[] {
  const texts = languages.flatMap((language) => [
    `locales/${language}/${type}.json`,
    `locales/${language}/${type}.html`,
  ])
  return [`nodes/${type}/${type}.ts`, ...texts, ...(iconFile(icon) ? [`nodes/icons/${icon}`] : [])]
}

const iconFile = (icon: string | undefined): icon is string => icon?.endsWith('.svg') ?? false

async function emitRuntime(out: string): Promise<void> {
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const options = ['-p', path.join(root, 'scripts/tsconfig.build.json'), '--outDir', out]
  await promisify(execFile)(process.execPath, [tsc, ...options]).catch((error: { stdout?: string }) => {
    throw new Error(`tsc failed:\n${error.stdout}`)
  })
}

/** Node-RED looks for form, texts and icon only beside the runtime file and says nothing when one is not there. */
async function emitEditor(declaration: NodeDeclaration, packageName: string, out: string): Promise<void> {
  const { type, icon } = declaration
  const folder = path.join(out, 'nodes', type)
  await mkdir(folder, { recursive: true })
  const html = await editorHtml(root, packageName, declaration)
  await writeFile(path.join(folder, `${type}.html`), html)
  const copies = languages.flatMap((language) =>
    ['json', 'html'].map((extension) => [
      `locales/${language}/${type}.${extension}`,
      `locales/${language}/${type}.${extension}`,
    ]),
  )
  if (iconFile(icon)) copies.push([`nodes/icons/${icon}`, `icons/${icon}`])
  await Promise.all(copies.map(([from, to]) => cp(path.join(root, from!), path.join(folder, to!))))
}

const sidebarLocale = (language: string) => `locales/${language}/${sidebarName}.json`

/** A plugin of the editor has no runtime file: Node-RED looks for its texts beside the html file. */
async function emitSidebar(packageName: string, out: string): Promise<void> {
  const folder = path.join(out, 'nodes', sidebarName)
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, `${sidebarName}.html`), await sidebarHtml(root, packageName))
  const files = languages.map(sidebarLocale)
  await Promise.all(files.map((file) => cp(path.join(root, file), path.join(folder, file))))
}

/** `dist` is replaced in one step, so that a Node-RED that is just starting never sees half of it. */
async function main(): Promise<void> {
  const started = performance.now()
  const dist = path.join(root, 'dist')
  const [next, previous] = ['next', 'previous'].map((name) => `${dist}.${name}-${process.pid}`)
  try {
    await buildPackage(next!)
    if (existsSync(dist)) await rename(dist, previous!)
    await rename(next!, dist)
  } finally {
    await Promise.all([next!, previous!].map((folder) => rm(folder, { recursive: true, force: true })))
  }
  console.log(`dist: ${declarations.length} node types in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    console.error(`build failed: ${error.message}`)
    process.exitCode = 1
  })
}
