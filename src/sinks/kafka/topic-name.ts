import { createHash } from 'node:crypto'
import { PipelineError } from '../../core/errors.ts'
import { compileTemplate } from '../../core/metadata.ts'
import type { Record } from '../../core/record.ts'
import { remember } from '../../core/remember.ts'
import { cleanName, kafkaTopic, longestName, type NameOptions } from './topic-rule.ts'

const hashLength = 16
const rule = `a name has 1 to ${longestName} characters of A-Z a-z 0-9 . _ - and is not "." or ".."`

/**
 * The template, else `to`, else the MQTT topic. A target given with a leading slash is meant without it. `named` hears
 * of every name that was made without a hash, often once only.
 */
export function createTopicNamer(
  options: NameOptions,
  named: (name: string, topic: string) => void,
): (record: Record) => string {
  const fill = compileTemplate(options.topic)
  const plain = remember((name) => {
    const topic = kafkaTopic(name, options.topicSeparator)
    if (topic === undefined) return substitute(name, options)
    named(name, topic)
    return topic
  })
  const withoutSlash = (name: string) => plain(name.startsWith('/') ? name.slice(1) : name)
  const filled = options.topic.startsWith('/') ? withoutSlash : plain
  return (record) => {
    if (options.topic !== '') {
      const name = fill(record)
      if (!name) throw new PipelineError('NO_TOPIC')
      return filled(name)
    }
    if (record.to) return withoutSlash(record.to)
    if (!record.topic) throw new PipelineError('NO_TOPIC')
    return plain(record.topic)
  }
}

/** The beginning of the name, and 16 hex digits of its SHA-256. */
function substitute(name: string, { topicSeparator, onInvalidTopic }: NameOptions): string {
  const topic = cleanName(name, topicSeparator)
  if (onInvalidTopic === 'reject') throw new PipelineError('INVALID_KAFKA_TOPIC', { topic, problem: rule })
  const hash = createHash('sha256').update(name).digest('hex').slice(0, hashLength)
  return `${topic.slice(0, longestName - 1 - hashLength)}-${hash}`
}

const mostKnown = 10_000

/** Different names that became one Kafka topic. */
export class Collisions {
  readonly #report: (first: string, second: string, topic: string) => void
  readonly #names = new Map<string, string>()
  readonly #pairs = new Set<string>()

  /** `report` is called once per pair; of more than 10,000 pairs it hears no more. */
  constructor(report: (first: string, second: string, topic: string) => void) {
    this.#report = report
  }

  get count(): number {
    return this.#pairs.size
  }

  note(name: string, topic: string): void {
    const first = this.#names.get(topic)
    if (first === undefined) {
      if (this.#names.size >= mostKnown) this.#names.clear()
      this.#names.set(topic, name)
    } else if (first !== name) this.#notePair(first, name, topic)
  }

  #notePair(first: string, second: string, topic: string): void {
    const pair = [first, second].sort().join('\0')
    if (this.#pairs.has(pair) || this.#pairs.size >= mostKnown) return
    this.#pairs.add(pair)
    this.#report(first, second, topic)
  }
}
