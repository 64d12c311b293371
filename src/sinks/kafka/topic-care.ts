import { PipelineError } from '../../core/errors.ts'
import type { Weakness as Doubt } from '../../core/sink.ts'
import type { TopicFacts } from './client.ts'
import { type KafkaSinkConfig, sinkFields } from './config.ts'
import { nameOfTopic } from './errors.ts'
import type { TopicRemarks } from './topic-remarks.ts'

type Describe = (topics: readonly string[]) => Promise<ReadonlyMap<string, TopicFacts>>
type Limits = Pick<KafkaSinkConfig, 'maxMessageBytes' | 'batchBytes'>

/** Looks at topics once, before anything is written to them. */
export class TopicCare {
  readonly #limits: Limits
  readonly #describe: Describe
  readonly #remarks: TopicRemarks
  readonly #fit = new Set<string>()
  readonly #doubts = new Map<Doubt['kind'], string[]>()

  constructor(limits: Limits, describe: Describe, remarks: TopicRemarks) {
    this.#limits = limits
    this.#describe = describe
    this.#remarks = remarks
  }

  /** What may cost records that Kafka has confirmed. */
  get weaknesses(): readonly Doubt[] {
    return [...this.#doubts].map(([kind, topics]) => ({ kind, topics }))
  }

  /** Throws a PipelineError where one of these topics, which all exist, cannot be written as it is. */
  async check(topics: readonly string[]): Promise<void> {
    const unseen = topics.filter((topic) => !this.#fit.has(topic))
    if (unseen.length === 0) return
    for (const [topic, facts] of await this.#describe(unseen)) {
      if (facts.mayWrite === false)
        throw new PipelineError('TARGET_AUTHORIZATION', {
          target: nameOfTopic(topic),
          problem: 'the user may see it and not write there',
        })
      for (const weakness of weaknesses(facts, this.#limits)) this.#say(topic, weakness)
      this.#fit.add(topic)
    }
  }

  #say(topic: string, { kind, text }: Weakness): void {
    if (kind === 'oneReplica' || kind === 'oneInSync') {
      const topics = this.#doubts.get(kind) ?? []
      topics.push(topic)
      this.#doubts.set(kind, topics)
    }
    this.#remarks.note(topic, text)
  }
}

interface Weakness {
  readonly kind: Doubt['kind'] | 'outOfSync' | 'record' | 'batch'
  readonly text: string
}

function weaknesses({ replicas, settings }: TopicFacts, { maxMessageBytes, batchBytes }: Limits): readonly Weakness[] {
  const found: Weakness[] = []
  const number = (name: string) => Number(settings?.get(name) ?? Number.NaN)
  const inSync = number('min.insync.replicas')
  if (replicas === 1)
    found.push({ kind: 'oneReplica', text: 'has one replica: when its broker is lost, what it has confirmed is lost' })
  else if (inSync === 1)
    found.push({
      kind: 'oneInSync',
      text: 'has min.insync.replicas=1: it confirms what a single broker has, and loses it with that broker. 2 is safe',
    })
  if (inSync > replicas)
    found.push({
      kind: 'outOfSync',
      text: `has min.insync.replicas=${inSync} and ${replicas} replicas: older versions of Kafka refuse every record`,
    })
  const largest = number('max.message.bytes')
  if (largest < maxMessageBytes)
    found.push({
      kind: 'record',
      text: `refuses records over ${largest} bytes (max.message.bytes), and "${sinkFields.maxMessageBytes.label}" lets ${maxMessageBytes} through`,
    })
  if (largest < batchBytes)
    found.push({
      kind: 'batch',
      text: `refuses batches over ${largest} bytes (max.message.bytes), and "${sinkFields.batchBytes.label}" is ${batchBytes}: they are written in parts, which is slow`,
    })
  return found
}
