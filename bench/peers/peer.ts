import type { Command, Place, Variant } from '../pipeline.ts'

/** A pipeline that others have made, or that is made of what others have made. */
export interface Peer extends Pick<Variant, 'name' | 'title' | 'acknowledges'> {
  /** Brings it into the directory, with what it needs; rejects with the reason why it cannot. */
  install(directory: string): Promise<Installed>
}

export interface Installed {
  readonly versions: string
  command(place: Place): Command
}
