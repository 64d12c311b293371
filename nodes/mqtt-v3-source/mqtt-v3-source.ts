import type { NodeAPI } from 'node-red'
import { probeBroker } from '../../src/mqtt/probe.ts'
import { answerEditor } from '../shared/answer-editor.ts'
import { registerNode } from '../shared/register-node.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration)
  answerEditor(RED, 'test', declaration, ({ config, rowline, signal }) =>
    probeBroker(config, rowline.directory, signal),
  )
}
