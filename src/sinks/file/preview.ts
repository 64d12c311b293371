import type { Record } from '../../core/record.ts'
import type { Preview } from '../definition.ts'
import type { FileSinkConfig } from './config.ts'
import { createRequestBuilder } from './request.ts'

export function previewFile({ content, path }: FileSinkConfig): (record: Record) => Preview {
  const prepare = createRequestBuilder(content)
  return (record) => [
    ['file', path],
    ['line', prepare(record).request.toString().trimEnd()],
  ]
}
