import type { Record } from '../../core/record.ts'
import type { GoogleConfig } from '../../google/config.ts'
import type { Preview, PreviewContext } from '../definition.ts'
import { previewText } from '../preview-text.ts'
import type { PubsubSinkConfig } from './config.ts'
import { createRequestBuilder } from './request.ts'
import { readMessage } from './wire.ts'

export function previewMessage(config: PubsubSinkConfig, { connection }: PreviewContext): (record: Record) => Preview {
  const prepare = createRequestBuilder(config, connection<GoogleConfig>('cloud').projectId)
  return (record) => {
    const { topic, key, message } = prepare(record).request
    const { data, attributes } = readMessage(message)
    return [
      ['topic', topic],
      ...(key === '' ? [] : [['ordering key', key] as const]),
      ...Object.entries(attributes).map(([name, text]) => [`attribute ${name}`, text] as const),
      ['data', previewText(data)],
    ]
  }
}
