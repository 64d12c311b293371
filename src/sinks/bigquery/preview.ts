import type { Record } from '../../core/record.ts'
import type { GoogleConfig } from '../../google/config.ts'
import type { Preview, PreviewContext } from '../definition.ts'
import type { BigQuerySinkConfig } from './config.ts'
import { createRequestBuilder } from './request.ts'

/** Columns as insertAll would send them, whatever the way of writing: the checks of the values are the same. */
export function previewRow(config: BigQuerySinkConfig, context: PreviewContext): (record: Record) => Preview {
  const { prepare } = createRequestBuilder({ ...config, writeMethod: 'insertAll' }, context.rowSchema('schema'))
  const { projectId } = context.connection<GoogleConfig>('cloud')
  return (record) => [
    ['table', `${projectId}.${config.dataset}.${config.table}`],
    ...Object.entries(prepare(record).request.row).map(
      ([column, value]) => [`column ${column}`, textOf(value)] as const,
    ),
  ]
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
