import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { buildPackage } from '../../scripts/build.ts'
import { temporaryDirectory } from '../services/processes.ts'

export const root = path.join(import.meta.dirname, '../..')

/** A fresh `dist` of the present sources, in a temporary directory. */
export async function build(): Promise<string> {
  const dist = path.join(temporaryDirectory('dist'), 'dist')
  await buildPackage(dist)
  return dist
}

export interface Property {
  readonly value?: unknown
  readonly type?: string
  readonly label?: string
  readonly validate?: (this: object, value: unknown, options?: object) => unknown
}

/** What the editor script hands to Node-RED. */
export interface Definition {
  readonly category: string
  readonly color?: string
  readonly icon?: string
  readonly inputs?: number
  readonly outputs?: number
  readonly align?: string
  readonly defaults: { readonly [name: string]: Property }
  readonly credentials?: { readonly [name: string]: { readonly type: string } }
  label(this: object): string
  outputLabels(index: number): string
}

export const readHtml = (dist: string, type: string): string =>
  readFileSync(path.join(dist, 'nodes', type, `${type}.html`), 'utf8')

/** The script of an html file. */
export const scriptOf = (html: string): string =>
  /<script type="text\/javascript">\n([\s\S]*?)<\/script>/.exec(html)?.[1] ?? ''

/** Runs a type's editor script as a browser would, without anything of Node. Config nodes in `nodes` exist. */
export function loadDefinition(dist: string, type: string, nodes: { readonly [id: string]: object } = {}): Definition {
  const registered = new Map<string, Definition>()
  const RED = {
    _: (key: string) => key.replace(/^.*:/, ''),
    nodes: {
      registerType: (name: string, definition: Definition) => registered.set(name, definition),
      node: (id: string) => nodes[id],
    },
    events: { on: () => {} },
    actions: { add: () => {}, remove: () => {} },
    plugins: { getPlugin: () => undefined, registerPlugin: () => {} },
    menu: { addItem: () => {}, removeItem: () => {} },
    workspaces: { count: () => 0 },
  }
  runInContext(scriptOf(readHtml(dist, type)), createContext({ RED, TextEncoder, TextDecoder }))
  const definition = registered.get(type)
  if (definition === undefined) throw new Error(`${type} did not register itself`)
  return definition
}
