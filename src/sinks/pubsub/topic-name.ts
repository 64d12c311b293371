import { PipelineError } from '../../core/errors.ts'
import { braceProblem } from '../../core/metadata.ts'
import type { Problem } from '../../core/problem.ts'
import type { Record } from '../../core/record.ts'
import { pubsubProblems } from './problems.ts'
import { compileRecordTemplate, recordTemplateProblem } from './record-template.ts'

const full = /^projects\/([^/]+)\/topics\/([^/]+)$/
const allowed = /^[A-Za-z][\w.~+%-]{2,254}$/
const hole = /\{[^{}]*\}/

/** Why a text is neither the name of a topic nor a template of one. */
export function topicProblem(template: string): Problem | undefined {
  if (hole.test(template)) {
    const isWhole = full.exec(template)?.[1]?.includes('{') === false
    if (template.startsWith('projects/') && !isWhole) return pubsubProblems.of('fullName')
    return recordTemplateProblem(template) ?? braceProblem(template)
  }
  const name = template.startsWith('projects/') ? full.exec(template)?.[2] : template
  return name === undefined ? pubsubProblems.of('fullName') : nameProblem(name)
}

function nameProblem(name: string): Problem | undefined {
  if (!allowed.test(name)) return pubsubProblems.of('name')
  return name.startsWith('goog') ? pubsubProblems.of('goog') : undefined
}

/** The whole name of the only topic; undefined where the record decides. */
export function fixedTopic(template: string, projectId: string): string | undefined {
  return hole.test(template) ? undefined : wholeName(template, projectId)
}

/** Whole names. Throws NO_TOPIC or INVALID_PUBSUB_TOPIC. */
export function createTopicNamer(template: string, projectId: string): (record: Record) => string {
  const fixed = fixedTopic(template, projectId)
  if (fixed !== undefined) return () => fixed
  const [, project = projectId, short = template] = full.exec(template) ?? []
  const nameOf = compileRecordTemplate(short)
  return (record) => {
    const text = nameOf(record)
    if (text === undefined) throw new PipelineError('NO_TOPIC')
    const name = text.replace(/[^\w.~+%-]/gu, '_')
    const problem = nameProblem(name)
    if (problem !== undefined)
      throw new PipelineError('INVALID_PUBSUB_TOPIC', { topic: name, problem: `it ${problem.text}` })
    return `projects/${project}/topics/${name}`
  }
}

const wholeName = (name: string, projectId: string) =>
  name.startsWith('projects/') ? name : `projects/${projectId}/topics/${name}`
