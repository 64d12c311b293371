import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { FilterMemory, SessionMemory } from '../../src/mqtt/connection-pool.ts'

/**
 * What each session at a broker is subscribed to, in `<userDir>/rowline/sessions`: a topic that goes from the table while
 * Node-RED is down is unsubscribed at the next start. Without the file it would go on for ever.
 */
export class SessionFiles implements FilterMemory {
  readonly #pathOf: (key: string) => string

  constructor(pathOf: (key: string) => string) {
    this.#pathOf = pathOf
  }

  get(key: string): SessionMemory | undefined {
    try {
      const stored = JSON.parse(readFileSync(this.#pathOf(key), 'utf8')) as SessionMemory | readonly string[]
      if (!('session' in stored)) return { session: '', filters: stored.map((filter) => [filter, '']) }
      return stored
    } catch {
      return undefined
    }
  }

  /** A disk that cannot be written costs the tidiness after a restart and nothing else. */
  set(key: string, memory: SessionMemory): void {
    const file = this.#pathOf(key)
    const next = JSON.stringify(memory)
    if (JSON.stringify(this.get(key)) === next) return
    try {
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(`${file}.new`, next)
      renameSync(`${file}.new`, file)
    } catch {}
  }
}
