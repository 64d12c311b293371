import type { NodeAPI } from 'node-red'
import type { Step } from '../../src/core/steps.ts'
import { nobody } from '../../src/google/authorization.ts'
import type { GoogleConfig } from '../../src/google/config.ts'
import { probeSignIn } from '../../src/google/probe.ts'
import { probeBigQuery } from '../../src/sinks/bigquery/probe.ts'
import { probePubsub } from '../../src/sinks/pubsub/probe.ts'
import { type Asked, answerEditor } from '../shared/answer-editor.ts'
import { type RowlineNode, registerNode } from '../shared/register-node.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration)
  answerEditor(RED, 'test', declaration, (asked) => probe(asked, sinkTypes(RED, asked.question.id)))
}

/** Of what no sink uses, nobody needs to hear that there is no access. */
async function* probe(
  { config, rowline, signal }: Asked<GoogleConfig>,
  used: ReadonlySet<string>,
): AsyncGenerator<Step, void> {
  const { directory } = rowline
  const { pubsubEmulator, bigqueryEmulator } = config
  const isUsed = (type: string) => used.size === 0 || used.has(type)
  const [pubsub, bigquery] = [isUsed('pubsub-sink'), isUsed('bigquery-sink')]
  const isNeeded = (pubsub && pubsubEmulator === '') || (bigquery && bigqueryEmulator === '')
  const access = yield* probeSignIn(config, { directory, isNeeded }, signal)
  const at = (emulator: string) => (emulator === '' ? access : nobody)
  yield* probePubsub(config, pubsub ? at(pubsubEmulator) : undefined, signal)
  yield* probeBigQuery(config, bigquery ? at(bigqueryEmulator) : undefined, signal)
}

/** Of the sinks that refer to this node. */
function sinkTypes(RED: NodeAPI, id: string | undefined): ReadonlySet<string> {
  const types = new Set<string>()
  RED.nodes.eachNode((definition) => {
    const { config } = (RED.nodes.getNode(definition.id) ?? {}) as RowlineNode<{ readonly cloud?: string }>
    if (id !== undefined && config?.cloud === id) types.add(definition.type)
  })
  return types
}
