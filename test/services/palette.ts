import { readFileSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import type { NodeRed } from './node-red.ts'
import { projectDirectory, readPackage } from './package.ts'
import { temporaryDirectory } from './processes.ts'

/** The environment of a Node-RED whose npm reaches no registry and has fetched nothing before. */
export function withoutRegistry(node = process.execPath): { readonly [name: string]: string } {
  return {
    npm_config_registry: 'http://127.0.0.1:9',
    npm_config_cache: temporaryDirectory('npm-cache'),
    // Node-RED before 4.1.9 brings no npm.
    PATH: [dirname(node), join(projectDirectory, 'node_modules/.bin'), process.env.PATH].join(delimiter),
  }
}

/** Installs a tarball as Manage palette → Install → upload does. */
export async function uploadPackage(nodeRed: NodeRed, tarball: string): Promise<void> {
  const body = new FormData()
  body.append('tarball', new File([readFileSync(tarball)], basename(tarball)))
  const response = await nodeRed.request('/nodes', { method: 'POST', body })
  if (!response.ok) throw new Error(`the palette refuses ${tarball}: ${await response.text()}\n${nodeRed.log()}`)
}

/** Removes the package as the palette does. */
export const removePackage = (nodeRed: NodeRed): Promise<Response> =>
  nodeRed.request(`/nodes/${readPackage().name}`, { method: 'DELETE' })

export interface InstalledSet {
  readonly name: string
  readonly version: string
  readonly types: readonly string[]
  readonly enabled: boolean
  readonly err?: string
}

/** Our node sets, as this Node-RED has loaded them. */
export async function installedSets(nodeRed: NodeRed): Promise<readonly InstalledSet[]> {
  const response = await nodeRed.request('/nodes', { headers: { Accept: 'application/json' } })
  const sets = (await response.json()) as readonly (InstalledSet & { readonly module: string })[]
  return sets.filter(({ module }) => module === readPackage().name)
}
