import type { Target } from './columns.ts'
import { ProtoWriter } from './proto.ts'

// Fields of google.protobuf.DescriptorProto and FieldDescriptorProto.
const message = { name: 1, field: 2, nested: 3 } as const
const part = { name: 1, number: 3, label: 4, type: 5, typeName: 6 } as const
const labels = { NULLABLE: 1, REQUIRED: 2, REPEATED: 3 } as const
const messageType = 11

/** The google.protobuf.DescriptorProto of the rows that `compileProto` writes for the same columns. */
export function describeRows(columns: readonly Target[]): Buffer {
  const writer = new ProtoWriter()
  putMessage(writer, 'Row', columns)
  return writer.take()
}

/** What a column means in all messages of one stream, for which it must not change. */
function putMessage(to: ProtoWriter, name: string, columns: readonly Target[]): void {
  to.bytesField(message.name, name)
  for (const [i, column] of columns.entries()) {
    to.messageField(message.field, () => putField(to, column, i + 1))
    const { columns: inner } = column
    if (inner) to.messageField(message.nested, () => putMessage(to, nestedName(i), inner))
  }
}

function putField(to: ProtoWriter, { name, mode, codec }: Target, number: number): void {
  to.bytesField(part.name, name)
  to.numberField(part.number, number)
  to.numberField(part.label, labels[mode])
  to.numberField(part.type, codec?.proto.number ?? messageType)
  if (!codec) to.bytesField(part.typeName, nestedName(number - 1))
}

/** By its place: names of columns may differ in case only, or be those of other messages. */
const nestedName = (i: number) => `Record${i + 1}`
