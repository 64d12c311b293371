import type { KafkaSinkConfig } from './config.ts'
import type { KafkaRequest } from './request.ts'
import { missing, type SchemaRegistry } from './schema-registry.ts'

/** Confluent's: a zero, the id of the schema in four bytes, the JSON. */
export const prefixBytes = 5

export type SubjectOptions = Pick<KafkaSinkConfig, 'subjectStrategy' | 'subject' | 'autoRegister' | 'schemaVersion'>

/** A value with room for the id, which a write fills in. */
export function withPrefix(json: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(prefixBytes + json.length)
  value.fill(0, 0, prefixBytes)
  value.set(json, prefixBytes)
  return value
}

/** The ids of the schemas, found once for each subject. */
export class SchemaIds {
  readonly #options: SubjectOptions
  readonly #registry: SchemaRegistry
  readonly #schema: object | undefined
  /** By subject, and by topic so that a record costs one look. */
  readonly #known = new Map<string, number>()
  readonly #ids = new Map<string, number>()

  /** `schema` is what is registered, where the options say so. */
  constructor(options: SubjectOptions, registry: SchemaRegistry, schema: object | undefined) {
    this.#options = options
    this.#registry = registry
    this.#schema = schema && titled(schema, options)
  }

  /** Finds what can be known before the first record: a mistake is then seen at once. */
  async open(topic: string | undefined, signal: AbortSignal): Promise<void> {
    if (topic !== undefined || this.#options.subjectStrategy === 'record') await this.#idFor(topic ?? '', signal)
  }

  async apply(requests: readonly KafkaRequest[], signal: AbortSignal): Promise<void> {
    for (const { topic, value } of requests) {
      const id = this.#ids.get(topic) ?? (await this.#idFor(topic, signal))
      value?.writeUInt32BE(id, 1)
    }
  }

  async #idFor(topic: string, signal: AbortSignal): Promise<number> {
    const subject = subjectOf(topic, this.#options)
    const id = this.#known.get(subject) ?? (await this.#find(subject, signal))
    this.#known.set(subject, id)
    this.#ids.set(topic, id)
    return id
  }

  async #find(subject: string, signal: AbortSignal): Promise<number> {
    const { autoRegister, schemaVersion } = this.#options
    if (autoRegister) return this.#registry.register(subject, this.#schema!, signal)
    const least = /^>=(\d+)$/.exec(schemaVersion)?.[1]
    const wanted = least !== undefined || schemaVersion === 'latest' ? 'latest' : Number(schemaVersion)
    const { id, version } = await this.#registry.find(subject, wanted, signal)
    if (version < Number(least ?? 0)) throw missing(subject, `${least} or later`)
    return id
  }
}

function subjectOf(topic: string, { subjectStrategy, subject }: SubjectOptions): string {
  if (subjectStrategy === 'record') return subject
  return subjectStrategy === 'topic' ? `${topic}-value` : `${topic}-${subject}`
}

/** Where a record has a name, it is the title of its schema. */
function titled(schema: object, { subjectStrategy, subject }: SubjectOptions): object {
  return subjectStrategy === 'topic' ? schema : { ...schema, title: subject }
}
