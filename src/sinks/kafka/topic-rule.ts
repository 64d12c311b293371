import type { FieldProblem } from '../../config/fields.ts'
import { withoutPlaceholders } from '../../core/metadata.ts'
import type { KafkaSinkConfig } from './config.ts'
import { kafkaProblems } from './problems.ts'

export type NameOptions = Pick<KafkaSinkConfig, 'topic' | 'topicSeparator' | 'onInvalidTopic'>

export const longestName = 249

/**
 * Every slash becomes the separator, every other code point that Kafka does not allow becomes one "_". Undefined where
 * that is no name of a topic.
 */
export function kafkaTopic(name: string, separator: '_' | '.'): string | undefined {
  const topic = cleanName(name, separator)
  return topic === '' || topic === '.' || topic === '..' || topic.length > longestName ? undefined : topic
}

export const cleanName = (name: string, separator: string) =>
  name.replaceAll('/', separator).replace(/[^A-Za-z0-9._-]/gu, '_')

/** The topic of all records, where the template has no placeholder and is a name. */
export function fixedTopic({
  topic,
  topicSeparator,
}: Pick<NameOptions, 'topic' | 'topicSeparator'>): string | undefined {
  if (topic === '' || topic.includes('{')) return undefined
  return kafkaTopic(topic.replace(/^\//, ''), topicSeparator)
}

/** A template of which no reading can make a name, where those are rejected. */
export function checkTopic(options: NameOptions): readonly FieldProblem[] {
  const { topic, topicSeparator, onInvalidTopic } = options
  if (topic === '' || onInvalidTopic === 'hash') return []
  const text = withoutPlaceholders(topic)
  const isPossible =
    text === topic ? fixedTopic(options) !== undefined : cleanName(text, topicSeparator).length < longestName
  return isPossible ? [] : [{ field: 'topic', problem: kafkaProblems.of('topic', { longest: longestName }) }]
}
