import type { NodeAPI } from 'node-red'
import type { SampleQuestion } from '../../src/config/editor-questions.ts'
import type { SourceConfig } from '../../src/mqtt/config.ts'
import { probeBroker } from '../../src/mqtt/probe.ts'
import { sampleTopics } from '../../src/mqtt/sample.ts'
import { type Asked, answerEditor } from '../shared/answer-editor.ts'
import { registerNode } from '../shared/register-node.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration)
  answerEditor(RED, 'test', declaration, ({ config, rowline, signal }) =>
    probeBroker(config, rowline.directory, signal),
  )
  answerEditor(RED, 'sample', declaration, (asked) =>
    sampleTopics(asked.config, { directory: asked.rowline.directory, filters: filtersOf(asked) }, asked.signal),
  )
}

const mostFilters = 100

function filtersOf({ question, expand }: Asked<SourceConfig>): readonly string[] {
  const { filters } = question as Partial<SampleQuestion>
  return Array.isArray(filters) ? filters.slice(0, mostFilters).map((filter) => expand(String(filter))) : []
}
