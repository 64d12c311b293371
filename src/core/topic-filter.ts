import { Problem } from './problem.ts'

/** What may be wrong with filters, and with topics. */
export const topicProblems = Problem.area('topic', {
  empty: 'must not be empty',
  nul: 'must not contain the null character',
  long: 'must not be longer than {bytes} bytes',
  unicode: 'must be valid Unicode',
  plus: 'has "{level}": + must stand alone between slashes',
  hash: 'may have # only as its last level',
  share: 'is a shared subscription without group or filter ($share/group/filter)',
  wildcard: 'must not contain + or #, which belong to subscriptions',
})

/** Of a topic or a filter, in UTF-8. */
export const longestTopic = 65_535

/** Why a text is not a topic filter (MQTT 3.1.1 section 4.7), or undefined when it is one. */
export function filterProblem(filter: string): Problem | undefined {
  if (filter === '') return topicProblems.of('empty')
  if (filter.includes('\0')) return topicProblems.of('nul')
  if (new TextEncoder().encode(filter).length > longestTopic) return topicProblems.of('long', { bytes: longestTopic })
  const levels = filter.split('/')
  for (const [i, level] of levels.entries()) {
    if (level.includes('+') && level !== '+') return topicProblems.of('plus', { level })
    if (level.includes('#') && (level !== '#' || i < levels.length - 1)) return topicProblems.of('hash')
  }
  if (
    levels[0] === '$share' &&
    (levels.length < 3 || !levels[1] || /[+#]/.test(levels[1]) || sharedFilter(filter) === '')
  )
    return topicProblems.of('share')
  return undefined
}

/** The part of a shared subscription that topics are matched with; any other filter as it is. */
export function sharedFilter(filter: string): string {
  return filter.startsWith('$share/') ? filter.slice(filter.indexOf('/', 7) + 1) : filter
}

/**
 * Whether a topic matches a filter [MQTT-4.7.1]. `#` includes the parent level; wildcards at the first level do not
 * match topics that begin with `$` [MQTT-4.7.2-1].
 */
export function createTopicMatcher(filter: string): (topic: string) => boolean {
  const plain = sharedFilter(filter)
  if (!/[+#]/.test(plain)) return (topic) => topic === plain
  const levels = plain.split('/')
  const open = levels.at(-1) === '#'
  if (open) levels.pop()
  const first = plain.split('/', 1)[0]!
  return (topic) => {
    if (hidesDollar(first, topic)) return false
    const parts = topic.split('/')
    if (open ? parts.length < levels.length : parts.length !== levels.length) return false
    return levels.every((level, i) => level === '+' || level === parts[i])
  }
}

/**
 * Whether there is a topic that both match, as `createTopicMatcher` says it: of a shared subscription what follows its
 * group counts. Both must be filters.
 */
export function filtersOverlap(a: string, b: string): boolean {
  const [levelsA, levelsB] = [sharedFilter(a).split('/'), sharedFilter(b).split('/')]
  if (hidesDollar(levelsA[0]!, levelsB[0]!) || hidesDollar(levelsB[0]!, levelsA[0]!)) return false
  for (let i = 0; ; i++) {
    const [one, other] = [levelsA[i], levelsB[i]]
    if (one === '#' || other === '#') return true
    if (one === undefined || other === undefined) return one === other
    if (one !== other && one !== '+' && other !== '+') return false
  }
}

/** A wildcard at the first level does not match topics that begin with `$` [MQTT-4.7.2-1]. */
const hidesDollar = (first: string, other: string): boolean => (first === '+' || first === '#') && other.startsWith('$')
