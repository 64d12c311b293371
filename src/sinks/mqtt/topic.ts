const longest = 65_535

/** Why nothing can be published to a topic (MQTT section 4.7), without its subject. */
export function topicProblem(topic: string): string | undefined {
  if (/[+#]/.test(topic)) return 'must not contain + or #, which belong to subscriptions'
  if (topic.includes('\0')) return 'must not contain the null character'
  if (/\p{Surrogate}/u.test(topic)) return 'must be valid Unicode'
  if (new TextEncoder().encode(topic).length > longest) return `must not be longer than ${longest} bytes`
  return undefined
}
