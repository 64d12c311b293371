const longest = 65_535

/** Why nothing can be published to a topic (MQTT section 4.7), without its subject. */
export function topicProblem(topic: string): string | undefined {
  return /[+#]/.test(topic) ? 'must not contain + or #, which belong to subscriptions' : textProblem(topic)
}

/** Why MQTT cannot carry a text (section 1.5.3; 1.5.4 in MQTT 5), without its subject. */
export function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'must not contain the null character'
  if (/\p{Surrogate}/u.test(text)) return 'must be valid Unicode'
  if (new TextEncoder().encode(text).length > longest) return `must not be longer than ${longest} bytes`
  return undefined
}
