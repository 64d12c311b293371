import type { Problem } from '../core/problem.ts'
import type { Payload } from '../core/record.ts'
import { remember } from '../core/remember.ts'
import { createTopicMatcher } from '../core/topic-filter.ts'
import { ownRow } from './own-row.ts'
import { rowProblems } from './problems.ts'

export interface IgnoredRow {
  readonly filter: string
  /** Separated by commas; dots lead into objects. */
  readonly attributes: string
}

type Path = readonly string[]

const namesOf = (attributes: string): readonly string[] => attributes.split(',').map((name) => name.trim())

/** Why a text is no list of attributes, without its subject. */
export function attributesProblem(attributes: string): Problem | undefined {
  const isWrong = namesOf(attributes).some((name) => name.split('.').includes(''))
  return isWrong ? rowProblems.of('attributes') : undefined
}

/**
 * Takes out of a payload what the rows whose filter matches its topic name, of every matching row. Changes the payload.
 * Paths do not lead into lists, and one that leads nowhere changes nothing. Undefined without rows.
 */
export function createIgnore(rows: readonly IgnoredRow[]): ((payload: Payload, topic: string) => void) | undefined {
  if (rows.length === 0) return undefined
  const compiled = rows.map(({ filter, attributes }) => ({
    matches: createTopicMatcher(filter),
    paths: namesOf(attributes).map((name): Path => name.split('.')),
  }))
  const pathsOf = remember((topic): readonly Path[] =>
    compiled.flatMap(({ matches, paths }) => (matches(topic) ? paths : [])),
  )
  return (payload, topic) => {
    for (const path of pathsOf(topic)) remove(payload, path)
  }
}

function remove(payload: Payload, path: Path): void {
  let at = ownRow(payload)
  for (const name of path.slice(0, -1)) at = at && Object.hasOwn(at, name) ? ownRow(at[name]) : undefined
  if (at) delete at[path.at(-1)!]
}
