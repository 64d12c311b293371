import type { NodeAPI } from 'node-red'
import type { Step } from '../../src/core/steps.ts'
import type { GoogleConfig } from '../../src/google/config.ts'
import { probeSignIn } from '../../src/google/probe.ts'
import { probeBigQuery } from '../../src/sinks/bigquery/probe.ts'
import { probePubsub } from '../../src/sinks/pubsub/probe.ts'
import { type Asked, answerEditor } from '../shared/answer-editor.ts'
import { registerNode } from '../shared/register-node.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration)
  answerEditor(RED, 'test', declaration, probe)
}

async function* probe({ config, rowline, signal }: Asked<GoogleConfig>): AsyncGenerator<Step> {
  const authorization = yield* probeSignIn(config, rowline.directory, signal)
  yield* probePubsub(config, authorization, signal)
  yield* probeBigQuery(config, authorization, signal)
}
