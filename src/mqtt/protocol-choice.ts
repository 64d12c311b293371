import { PipelineError } from '../core/errors.ts'
import { isHangUp } from './connection-error.ts'
import type { ProtocolVersion } from './publish-decoder.ts'

const NEWEST_FIRST = [5, 4, 3] as const
/** CONNACK in 3.1.1 and in 5: it does not speak this version. */
const REFUSALS: readonly unknown[] = [0x01, 0x84]

/** Which version of the protocol to speak. With `auto` the newest one that the server takes. */
export class ProtocolChoice {
  readonly #versions: readonly ProtocolVersion[]
  #at = 0

  constructor(wish: ProtocolVersion | 'auto') {
    this.#versions = wish === 'auto' ? NEWEST_FIRST : [wish]
  }

  get version(): ProtocolVersion {
    return this.#versions[this.#at]!
  }

  /**
   * An attempt has ended before CONNACK said yes. Says whether another version is worth trying at once. An old server
   * may also hang up on what it does not know, or answer in words of its own.
   */
  failed(error: unknown): boolean {
    const refused = REFUSALS.includes((error as { code?: unknown } | undefined)?.code)
    const unclear = isHangUp(error) || (error instanceof PipelineError && error.code === 'PROTOCOL_VIOLATION')
    if (!refused && !unclear) return false
    this.#at = (this.#at + 1) % this.#versions.length
    return refused && this.#at > 0
  }
}
