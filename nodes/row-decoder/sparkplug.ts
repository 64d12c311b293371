import type { Node } from 'node-red'
import { PipelineError } from '../../src/core/errors.ts'
import type { RowDecoderConfig } from '../../src/rows/config.ts'
import { SparkplugDecoder, type Trouble } from '../../src/rows/sparkplug/decoder.ts'
import { sparkplug } from '../../src/rows/sparkplug/fields.ts'
import { rebirthCommand } from '../../src/rows/sparkplug/rebirth.ts'
import type { Rowline } from '../shared/rowline.ts'
import { BirthFiles } from './birth-files.ts'

export interface NodeSparkplug {
  readonly decoder: SparkplugDecoder
  /** Missing where no alias is resolved. */
  readonly files: BirthFiles | undefined
}

/** Undefined for another format. Throws CONFIG_INVALID where requests would lead nowhere. */
export function createSparkplug(
  node: Node & { readonly wires?: readonly (readonly string[])[] },
  { format, resolveAliases, requestRebirth }: RowDecoderConfig,
  rowline: Rowline,
): NodeSparkplug | undefined {
  if (format !== sparkplug) return undefined
  if (requestRebirth && !node.wires?.[2]?.length) {
    const problem = 'wire output 3 to an MQTT output, which sends the requests'
    throw new PipelineError('CONFIG_INVALID', { field: 'requestRebirth', problem })
  }
  const onTrouble = ({ text, commandTopic }: Trouble) => {
    node.warn(text)
    if (!requestRebirth) return
    // Not a part of any reading: whether it is sent holds nothing up.
    const payload = Buffer.from(rebirthCommand(Date.now()))
    node.send([null, null, { topic: commandTopic, payload, qos: 0, retain: false }] as Parameters<Node['send']>[0])
  }
  const warn = (text: string) => node.warn(text)
  const files = resolveAliases ? new BirthFiles(rowline.pathOf('sparkplug', node), warn) : undefined
  return { decoder: new SparkplugDecoder(resolveAliases, { ...(files ? { store: files } : {}), onTrouble }), files }
}
