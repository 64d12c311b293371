import type { Problem } from '../../core/problem.ts'
import { longestTopic, topicProblems } from '../../core/topic-filter.ts'

/** Why nothing can be published to a topic (MQTT section 4.7), without its subject. */
export function topicProblem(topic: string): Problem | undefined {
  return /[+#]/.test(topic) ? topicProblems.of('wildcard') : textProblem(topic)
}

/** Why MQTT cannot carry a text (section 1.5.3; 1.5.4 in MQTT 5), without its subject. */
export function textProblem(text: string): Problem | undefined {
  if (text.includes('\0')) return topicProblems.of('nul')
  if (/\p{Surrogate}/u.test(text)) return topicProblems.of('unicode')
  return new TextEncoder().encode(text).length > longestTopic
    ? topicProblems.of('long', { bytes: longestTopic })
    : undefined
}
