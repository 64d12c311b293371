import { homedir } from 'node:os'
import { join } from 'node:path'
import { openProgram, type Variant } from '../pipeline.ts'
import { oneLine } from '../tables.ts'
import type { Peer } from './peer.ts'
import { python } from './python/peer.ts'
import { rust } from './rust/peer.ts'
import { telegraf } from './telegraf/peer.ts'

export interface InstalledPeers {
  readonly variants: readonly Variant[]
  readonly versions: { readonly [title: string]: string }
}

const peers: readonly Peer[] = [telegraf, python, rust]
export const peerCache = join(homedir(), '.cache/rowline/peers')

/** Those that could be installed here; `versions` says of the others why not. */
export async function installPeers(): Promise<InstalledPeers> {
  const variants: Variant[] = []
  const versions: { [title: string]: string } = {}
  for (const { name, title, acknowledges, install } of peers) {
    try {
      console.log(`installing ${name}`)
      const { command, versions: text } = await install(join(peerCache, name))
      versions[title] = text
      variants.push({ name, title, acknowledges, warmsUp: false, open: async () => openProgram(name, command) })
    } catch (error) {
      versions[title] = `not installed: ${oneLine(error)}`
    }
  }
  return { variants, versions }
}
