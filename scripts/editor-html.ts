import { build } from 'esbuild'
import { sidebarName } from '../nodes/shared/sidebar-texts.ts'
import type { NodeDeclaration } from '../src/config/declaration.ts'
import { retiredOf } from '../src/config/migrations.ts'
import { slotsOf } from '../src/config/table-references.ts'
import { formTemplate } from './form-template.ts'

/**
 * What Node-RED's editor loads for a node type: the bundled script and the form. The palette library reads this file
 * without running it, so type, colour, icon, ports and the names of all properties stand in it literally.
 */
export async function editorHtml(root: string, packageName: string, declaration: NodeDeclaration): Promise<string> {
  const contents = entry(packageName, declaration)
  return `${await script(root, declaration.type, contents)}${formTemplate(declaration)}`
}

/** The tab of the sidebar, which is a plugin of the editor. */
export function sidebarHtml(root: string, packageName: string): Promise<string> {
  const contents = `import { declarations } from './nodes/declarations.ts'
import { registerSidebar } from './nodes/shared/editor/sidebar.ts'
registerSidebar(${key(sidebarName)}, ${key(`${packageName}/${sidebarName}`)}, declarations)
`
  return script(root, sidebarName, contents)
}

async function script(root: string, name: string, contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, sourcefile: `${name}.ts`, loader: 'ts' },
    bundle: true,
    format: 'iife',
    target: 'es2020',
    charset: 'utf8',
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
  })
  return `<script type="text/javascript">\n${outputFiles[0]!.text}</script>\n`
}

function entry(packageName: string, declaration: NodeDeclaration): string {
  const { type, kind, color, icon, outputs, controlled, editorPart } = declaration
  const fields = Object.entries(declaration.fields)
  const stored = fields.filter(([, field]) => field.kind !== 'secret').map(([name]) => name)
  const slots = slotsOf(declaration.fields).map(({ name }) => name)
  const properties = ['version', ...retiredOf(declaration), ...stored, ...slots]
  const defaults = properties.map((name) => `${name}: editor.defaults.${name}`)
  const secrets = fields
    .filter(([, field]) => field.kind === 'secret')
    .map(([name]) => `${name}: editor.credentials.${name}`)
  // Node-RED keeps the ports of a single node only where they are properties of its type.
  const ports = controlled ? ['inputs: { value: 0 }', `outputs: { value: ${outputs.length} }`] : []
  const definition = [
    `category: ${key(kind === 'config' ? 'config' : 'rowline')}`,
    ...(color === undefined ? [] : [`color: ${key(color)}`]),
    ...(icon === undefined ? [] : [`icon: ${key(icon)}`]),
    ...(kind === 'config' ? [] : [`inputs: ${kind === 'source' ? 0 : 1}`, `outputs: ${outputs.length}`]),
    ...(kind === 'sink' ? ["align: 'right'"] : []),
    `defaults: { name: { value: '' }, ${[...defaults, ...ports].join(', ')} }`,
    ...(secrets.length === 0 ? [] : [`credentials: { ${secrets.join(', ')} }`]),
    ...[
      'label',
      'labelStyle',
      'paletteLabel',
      'outputLabels',
      'oneditprepare',
      'oneditsave',
      'oneditcancel',
      'oneditdelete',
    ].map((name) => `${name}: editor.${name}`),
  ]
  const part = editorPart === undefined ? '' : ', part'
  const partImport =
    editorPart === undefined ? '' : `import { part } from './nodes/shared/editor/${editorPart.module}.ts'\n`
  return `import { declaration } from './nodes/${type}/declaration.ts'
import { nodeEditor } from './nodes/shared/editor/node-editor.ts'
${partImport}const editor = nodeEditor(declaration, ${key(`${packageName}/${type}`)}${part})
RED.nodes.registerType(${key(type)}, { ${definition.join(', ')} })
`
}

const key = (text: string): string => JSON.stringify(text)
