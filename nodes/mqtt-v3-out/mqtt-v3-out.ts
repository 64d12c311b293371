import type { NodeAPI } from 'node-red'
import { mqttSink } from '../../src/sinks/mqtt/sink.ts'
import { registerSink } from '../shared/register-sink.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  registerSink(RED, declaration, mqttSink)
}
