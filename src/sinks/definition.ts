import type { ConfigOf, Fields } from '../config/fields.ts'
import type { Publisher } from '../core/publisher.ts'
import type { Record } from '../core/record.ts'
import type { RowSchema } from '../core/row-schema.ts'
import type { Sink } from '../core/sink.ts'

/** What a sink may know about the place it runs in. */
export interface SinkContext {
  /** The parsed configuration of the config node that the field of this name refers to. */
  connection<C>(field: string): C
  /** The JSON Schema of the `row-schema` node that the field of this name refers to; undefined where it refers to none. */
  jsonSchema(field: string): object | undefined
  /** The columns of that `row-schema` node. */
  rowSchema(field: string): RowSchema | undefined
  /** Publishes at the MQTT broker of the `mqtt-v3-source` node that the field of this name refers to. Where there is MQTT. */
  publisher?(field: string): Publisher
  /** Directory that relative paths are relative to (Node-RED's user directory). */
  readonly directory: string
  /** Folder of the sink's outbox, which is there before the first write. Absent: it has none. */
  readonly outbox?: string
  /** Stable, unique name of this sink in this installation: for client ids. */
  readonly name: string
  /** What this sink keeps in mind until Node-RED stops, over deploys: what it has said already. Absent: nothing. */
  readonly said?: Set<string>
  /** Something an operator should know although writing goes on. */
  warn(message: string): void
}

export type PreviewContext = Pick<SinkContext, 'connection' | 'rowSchema'>

/** What a target gets of a record, part by part: `topic`, `key`. */
export type Preview = readonly (readonly [part: string, text: string])[]

/** One exported constant per sink folder, listed in `src/sinks/index.ts`. */
export interface SinkDefinition<F extends Fields = Fields, Request = unknown> {
  readonly type: string
  readonly fields: F
  create(config: ConfigOf<F>, context: SinkContext): Sink<Request>
  /** What `prepare` would make of a record, to be read. Connects to nothing. The function throws what `prepare` throws. */
  preview(config: ConfigOf<F>, context: PreviewContext): (record: Record) => Preview
}
