import type { NodeAPI } from 'node-red'
import type { KafkaSinkConfig } from '../../src/sinks/kafka/config.ts'
import { probeCluster } from '../../src/sinks/kafka/probe.ts'
import { fixedTopic } from '../../src/sinks/kafka/topic-rule.ts'
import { answerEditor } from '../shared/answer-editor.ts'
import { type RowlineNode, registerNode } from '../shared/register-node.ts'
import { declaration } from './declaration.ts'

const mostTopics = 10

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration)
  answerEditor(RED, 'test', declaration, ({ config, question, rowline, signal }) =>
    probeCluster(config, { directory: rowline.directory, topics: topicsOf(RED, question.id) }, signal),
  )
}

/** Those of its sinks that are the same for every reading. */
function topicsOf(RED: NodeAPI, cluster: string | undefined): readonly string[] {
  const topics = new Set<string>()
  RED.nodes.eachNode(({ id, type }) => {
    if (type !== 'kafka-sink') return
    const { config } = (RED.nodes.getNode(id) ?? {}) as RowlineNode<KafkaSinkConfig>
    const topic = config?.cluster === cluster ? config && fixedTopic(config) : undefined
    if (topic !== undefined) topics.add(topic)
  })
  return [...topics].slice(0, mostTopics)
}
