import { pause } from '../../core/retry.ts'
import { nameOfTopic } from './errors.ts'

/** How long topics are gathered for the first remark; each further one takes twice as long. */
const firstMs = 5000
const longestMs = 3_600_000
const mostNamed = 20

/** Says what topics have in common in one sentence, and of each topic once. */
export class TopicRemarks {
  readonly #cluster: string
  readonly #said: Set<string>
  readonly #warn: (message: string) => void
  readonly #found = new Map<string, string[]>()
  #gathering: AbortController | undefined
  #waitMs = firstMs

  /** `said` may outlive this: what is in it is not said again. */
  constructor(cluster: string, said: Set<string>, warn: (message: string) => void) {
    this.#cluster = cluster
    this.#said = said
    this.#warn = warn
  }

  /** `text` goes on after the name of a topic: `has one replica`. */
  note(topic: string, text: string): void {
    const key = [this.#cluster, topic, text].join('\n')
    if (this.#said.has(key)) return
    this.#said.add(key)
    const topics = this.#found.get(text) ?? []
    topics.push(topic)
    this.#found.set(text, topics)
    if (!this.#gathering) void this.#gather()
  }

  async #gather(): Promise<void> {
    this.#gathering = new AbortController()
    const { signal } = this.#gathering
    const waitMs = this.#waitMs
    this.#waitMs = Math.min(waitMs * 2, longestMs)
    await pause(waitMs, signal)
    if (!signal.aborted) this.say()
  }

  /** What has been gathered, now. */
  say(): void {
    this.#gathering?.abort()
    this.#gathering = undefined
    for (const [text, topics] of this.#found) this.#warn(sentence(topics, text))
    this.#found.clear()
  }
}

function sentence(topics: readonly string[], text: string): string {
  if (topics.length === 1) return `${nameOfTopic(topics[0]!)} ${text}`
  const named = [...topics.slice(0, mostNamed), ...(topics.length > mostNamed ? ['…'] : [])]
  return `Each of ${topics.length} Kafka topics (${named.join(', ')}) ${text}`
}
