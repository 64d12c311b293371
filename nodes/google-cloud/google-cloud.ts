import type { NodeAPI } from 'node-red'
import { registerNode } from '../shared/register-node.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration)
}
