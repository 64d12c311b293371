import type { Record } from '../../core/record.ts'
import type { Preview, PreviewContext } from '../definition.ts'
import { previewText } from '../preview-text.ts'
import { requireCodec } from './choice.ts'
import type { ClusterConfig, KafkaSinkConfig } from './config.ts'
import { createRequestBuilder } from './request.ts'

/** A schema id in front of the value is left out: only the registry knows it. Throws what the sink cannot start with. */
export function previewRecord(config: KafkaSinkConfig, context: PreviewContext): (record: Record) => Preview {
  if (config.compression !== 'none')
    requireCodec(context.connection<ClusterConfig>('cluster').client, config.compression)
  const prepare = createRequestBuilder({ ...config, valueFormat: 'plain' })
  return (record) => {
    const { topic, key, value, headers } = prepare(record).request
    return [
      ['topic', topic],
      ...(key ? [['key', previewText(key)] as const] : []),
      ...Object.entries(headers).map(([name, text]) => [`header ${name}`, text] as const),
      ['value', value ? previewText(value) : 'null'],
    ]
  }
}
