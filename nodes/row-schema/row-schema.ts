import type { NodeAPI } from 'node-red'
import { schemaOf } from '../../src/rows/config.ts'
import { registerNode } from '../shared/register-node.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerNode(RED, declaration, (node, config) => {
    for (const ignored of schemaOf(config).ignored) node.log(ignored)
  })
}
