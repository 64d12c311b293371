import type { NodeAPI } from 'node-red'
import { bigquerySink } from '../../src/sinks/bigquery/sink.ts'
import { registerSink } from '../shared/register-sink.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerSink(RED, declaration, bigquerySink)
}
