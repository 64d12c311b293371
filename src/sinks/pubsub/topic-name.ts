import { PipelineError } from '../../core/errors.ts'
import type { Record } from '../../core/record.ts'
import { compileRecordTemplate, recordTemplateProblem } from './record-template.ts'

const full = /^projects\/([^/]+)\/topics\/([^/]+)$/
const allowed = /^[A-Za-z][\w.~+%-]{2,254}$/
const hole = /\{[^{}]*\}/

/** Why a text is neither the name of a topic nor a template of one. */
export function topicProblem(template: string): string | undefined {
  if (hole.test(template)) return recordTemplateProblem(template)
  const name = template.startsWith('projects/') ? full.exec(template)?.[2] : template
  return name === undefined ? 'must be like projects/my-project/topics/my-topic' : nameProblem(name)
}

function nameProblem(name: string): string | undefined {
  if (!allowed.test(name)) return 'must have 3 to 255 letters, digits and - . _ ~ + %, a letter first'
  return name.startsWith('goog') ? 'must not begin with "goog"' : undefined
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
      throw new PipelineError('INVALID_PUBSUB_TOPIC', { topic: name, problem: `it ${problem}` })
    return `projects/${project}/topics/${name}`
  }
}

const wholeName = (name: string, projectId: string) =>
  name.startsWith('projects/') ? name : `projects/${projectId}/topics/${name}`
