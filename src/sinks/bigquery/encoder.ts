import { PipelineError } from '../../core/errors.ts'
import { type Row, toJson, type Value } from '../../core/record.ts'
import { isRow } from './codecs.ts'
import type { Target } from './columns.ts'
import { key, ProtoWriter, wire } from './proto.ts'

/** A field of a message, and what it makes of a value that is not null. */
interface Member<T> {
  readonly name: string
  readonly isRequired: boolean
  readonly pointer: string
  readonly put: (value: Value, to: T) => void
}

type Json = { [column: string]: unknown }

/** The columns of a row as protobuf. Throws ROW_TYPE or ROW_MISSING, naming the column, where a value does not fit. */
export function compileProto(targets: readonly Target[]): (values: Row) => Buffer {
  const members = targets.map((target, i) => protoMember(target, i + 1, ''))
  const writer = new ProtoWriter()
  return (values) => {
    writer.clear()
    putAll(members, values, writer)
    return writer.take()
  }
}

/** The same as a row of insertAll. */
export function compileJson(targets: readonly Target[]): (values: Row) => Json {
  const members = targets.map((target) => jsonMember(target, ''))
  return (values) => {
    const row: Json = {}
    putAll(members, values, row)
    return row
  }
}

function putAll<T>(members: readonly Member<T>[], values: Row, to: T): void {
  for (const { name, isRequired, pointer, put } of members) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value !== undefined && value !== null) put(value, to)
    else if (isRequired) throw new PipelineError('ROW_MISSING', { pointer, state: value === null ? 'null' : 'missing' })
  }
}

function protoMember(target: Target, field: number, path: string): Member<ProtoWriter> {
  const member = memberOf(target, path)
  const { pointer, element } = member
  const tag = key(field, target.codec?.proto.wire ?? wire.bytes)
  const one = protoValue(target, element)
  const put = (value: Value, to: ProtoWriter) => {
    to.varint(tag)
    one(value, to)
  }
  if (target.mode !== 'REPEATED') return { ...member, put }
  return {
    ...member,
    put: (value, to) => {
      for (const item of listOf(value, target, pointer)) put(notNull(item, target, element), to)
    },
  }
}

function protoValue(target: Target, pointer: string): (value: Value, to: ProtoWriter) => void {
  const { codec, columns = [] } = target
  if (codec) {
    const { proto } = codec
    return (value, to) => {
      const read = codec.read(value)
      if (read === undefined) throw misfit(value, target, pointer)
      proto.write(to, read)
    }
  }
  const members = columns.map((column, i) => protoMember(column, i + 1, pointer))
  return (value, to) => {
    const row = rowOf(value, target, pointer)
    const start = to.begin()
    putAll(members, row, to)
    to.end(start)
  }
}

function jsonMember(target: Target, path: string): Member<Json> {
  const member = memberOf(target, path)
  const { name, pointer, element } = member
  const one = jsonValue(target, element)
  const all = (value: Value) => listOf(value, target, pointer).map((item) => one(notNull(item, target, element)))
  const make = target.mode === 'REPEATED' ? all : one
  return {
    ...member,
    put: (value, to) => {
      to[name] = make(value)
    },
  }
}

function jsonValue(target: Target, pointer: string): (value: Value) => unknown {
  const { codec, columns = [] } = target
  if (codec) {
    return (value) => {
      const read = codec.read(value)
      if (read === undefined) throw misfit(value, target, pointer)
      return codec.json(read)
    }
  }
  const members = columns.map((column) => jsonMember(column, pointer))
  return (value) => {
    const row: Json = {}
    putAll(members, rowOf(value, target, pointer), row)
    return row
  }
}

/** JSON pointers; `*` stands for every element of an array. */
function memberOf({ name, mode }: Target, path: string) {
  const pointer = `${path}/${name}`
  return { name, pointer, element: mode === 'REPEATED' ? `${pointer}/*` : pointer, isRequired: mode === 'REQUIRED' }
}

function listOf(value: Value, target: Target, pointer: string): readonly Value[] {
  if (Array.isArray(value)) return value
  throw misfit(value, { ...target, expected: `an array of ${target.expected}` }, pointer)
}

function notNull(value: Value, target: Target, pointer: string): NonNullable<Value> {
  if (value === null || value === undefined) throw misfit(null, target, pointer)
  return value
}

export function rowOf(value: Value, { expected }: Pick<Target, 'expected'>, pointer: string): Row {
  if (!isRow(value)) throw misfit(value, { expected }, pointer)
  return value
}

const longest = 60

function misfit(value: Value, { expected }: Pick<Target, 'expected'>, pointer: string): PipelineError {
  return new PipelineError('ROW_TYPE', { pointer: pointer || '/', expected, found: shown(value) })
}

function shown(value: Value): string {
  if (typeof value === 'number') return String(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  const text = toJson(value)
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
