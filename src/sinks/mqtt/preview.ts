import type { Record } from '../../core/record.ts'
import type { Preview } from '../definition.ts'
import { previewText } from '../preview-text.ts'
import type { MqttSinkConfig } from './config.ts'
import { createRequestBuilder } from './request.ts'

export function previewMessage(config: MqttSinkConfig): (record: Record) => Preview {
  const prepare = createRequestBuilder(config)
  return (record) => {
    const { topic, qos, retain, payload } = prepare(record).request
    return [
      ['topic', topic],
      ['qos', String(qos)],
      ['retain', String(retain)],
      ['payload', previewText(payload)],
    ]
  }
}
