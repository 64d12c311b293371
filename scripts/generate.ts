import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { declarations } from '../nodes/declarations.ts'
import { sidebarName, sidebarTexts } from '../nodes/shared/sidebar-texts.ts'
import type { NodeDeclaration } from '../src/config/declaration.ts'
import { systems } from '../src/migration/systems.ts'
import { englishCatalogue, type Shared, type Texts, translatedCatalogue } from './catalogue.ts'
import { exampleLines } from './decoder-examples.ts'
import { helpHtml, type Language, languages } from './help.ts'
import { migrationTables } from './migrating.ts'
import { errorList, findingList, metricList, nodePage, optionTables, replaceSection, settingsTable } from './readme.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

type Files = readonly (readonly [file: string, content: string])[]

/** Every committed file that comes from the declarations, as it has to be. Paths are relative to the package. */
export async function generatedFiles(): Promise<Files> {
  const locales = await Promise.all(
    declarations.flatMap((declaration) => languages.map((language) => localeFiles(declaration, language))),
  )
  const pages = await Promise.all(declarations.map(page))
  return [
    ...locales.flat(),
    ...pages,
    ['README.md', await readme()],
    ['docs/guarantees.md', await guarantees()],
    ['docs/migrating.md', await migrating()],
    [`locales/en-US/${sidebarName}.json`, toJson(sidebarTexts)],
    ['package.json', await packageJson()],
  ]
}

async function page(declaration: NodeDeclaration): Promise<Files[number]> {
  return [`docs/nodes/${declaration.type}.md`, nodePage(declaration, await prose(declaration, 'en-US'))]
}

/** The written part of the help. */
async function prose(declaration: NodeDeclaration, language: Language, catalogue?: Texts): Promise<string> {
  const file = `nodes/${declaration.type}/help${language === 'en-US' ? '' : `.${language}`}.md`
  const texts = catalogue ?? englishCatalogue(declaration)
  return (await read(file)).replace('<!-- decoder examples -->', () => exampleLines(language, texts))
}

/** German texts are written by hand, those that all types have in common in shared.json. */
async function localeFiles(declaration: NodeDeclaration, language: Language): Promise<Files> {
  const { type } = declaration
  const catalogueFile = `locales/${language}/${type}.json`
  const english = language === 'en-US'
  const json = async (file: string) => JSON.parse(await read(file)) as unknown
  const shared = async () => (await json(`locales/${language}/shared.json`)) as Shared
  const catalogue = english
    ? englishCatalogue(declaration)
    : translatedCatalogue((await json(catalogueFile)) as Texts, await shared(), declaration)
  const text = await prose(declaration, language, catalogue)
  return [
    [catalogueFile, toJson(catalogue)],
    [`locales/${language}/${type}.html`, helpHtml(declaration, language, catalogue, text)],
  ]
}

async function readme(): Promise<string> {
  const written = await read('README.md')
  const withOptions = replaceSection(written, 'options', `${optionTables(declarations)}\n\n${settingsTable()}`)
  const withMetrics = replaceSection(withOptions, 'metrics', metricList())
  return replaceSection(withMetrics, 'errors', errorList())
}

const migrating = async (): Promise<string> =>
  replaceSection(await read('docs/migrating.md'), 'systems', migrationTables(systems, declarations))

async function guarantees(): Promise<string> {
  return replaceSection(await read('docs/guarantees.md'), 'findings', findingList())
}

async function packageJson(): Promise<string> {
  const manifest = JSON.parse(await read('package.json')) as { 'node-red': { nodes: { [set: string]: string } } }
  manifest['node-red'].nodes = Object.fromEntries(
    declarations.map(({ type }) => [type, `dist/nodes/${type}/${type}.js`]),
  )
  return toJson(manifest)
}

const toJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8')

async function staleFiles(files: Files): Promise<string[]> {
  const fresh = await Promise.all(
    files.map(async ([file, content]) => (await read(file).catch(() => undefined)) === content),
  )
  return files.filter((_, i) => !fresh[i]).map(([file]) => file)
}

async function main(check: boolean): Promise<void> {
  const files = await generatedFiles()
  const stale = await staleFiles(files)
  if (check) {
    if (stale.length > 0) throw new Error(`run "npm run generate"; these files are not fresh:\n  ${stale.join('\n  ')}`)
    return
  }
  for (const [file, content] of files.filter(([name]) => stale.includes(name))) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true })
    await writeFile(path.join(root, file), content)
    console.log(`written ${file}`)
  }
}

if (import.meta.main) {
  await main(process.argv.includes('--check')).catch((error: Error) => {
    console.error(`generate failed: ${error.message}`)
    process.exitCode = 1
  })
}
