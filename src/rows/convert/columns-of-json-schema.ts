import { isObject, type Json, type JsonObject, type JsonSchema, resolve } from '../json-schema/read-json-schema.ts'
import type { Column, ColumnType, Item } from '../row-schema.ts'

/** Columns, or why there are none: a clause that names the place in the schema. */
export type Mapped = { readonly columns: readonly Column[] } | { readonly problem: string }

/**
 * The columns in which every document that fits the schema has a place. Only what is certain is mapped: a value that may
 * be of several types has no column, and then the whole schema has none.
 *
 * | JSON Schema | column |
 * | --- | --- |
 * | integer, number, boolean, string | BIGINT, DOUBLE, BOOLEAN, STRING |
 * | string of the format date | DATE |
 * | object with properties | ROW |
 * | object with additionalProperties or one pattern alone | MAP |
 * | array with items for all | ARRAY |
 * | required and never null | NOT NULL |
 */
export function columnsOfJsonSchema(root: JsonSchema): Mapped {
  try {
    const { type, notNull } = new Mapper(root).item(root, '#')
    if (type.kind === 'ROW' && notNull) return { columns: type.columns }
    return { problem: '# is no object' }
  } catch (error) {
    if (error instanceof NotMapped) return { problem: error.message }
    throw error
  }
}

class NotMapped extends Error {}

const scalars: { readonly [type: string]: ColumnType } = {
  integer: { kind: 'BIGINT' },
  number: { kind: 'DOUBLE' },
  boolean: { kind: 'BOOLEAN' },
  string: { kind: 'STRING' },
}

class Mapper {
  readonly #root: JsonSchema
  /** The schemas that lead to the one at hand. */
  readonly #above = new Set<JsonObject>()

  constructor(root: JsonSchema) {
    this.#root = root
  }

  /** `notNull`: null does not fit. */
  item(schema: Json | undefined, at: string): Item {
    if (!isObject(schema)) throw new NotMapped(`${at} says nothing of the type`)
    if (this.#above.has(schema)) throw new NotMapped(`${at} refers to itself`)
    this.#above.add(schema)
    const item = this.#item(schema, at)
    this.#above.delete(schema)
    return item
  }

  #item(schema: JsonObject, at: string): Item {
    if (typeof schema.$ref === 'string') {
      const { type, notNull } = this.item(resolve(this.#root, schema.$ref), schema.$ref)
      return { type, notNull: notNull && schema.nullable !== true }
    }
    const alternatives = schema.oneOf ?? schema.anyOf
    if (Array.isArray(alternatives)) return this.#alternatives(alternatives, at)
    const types = this.#types(schema, at)
    const [type, ...others] = types.filter((each) => each !== 'null')
    if (type === undefined || others.length > 0) throw new NotMapped(`${at} may be ${types.join(' or ')}`)
    return { type: this.#type(type, schema, at), notNull: !types.includes('null') && schema.nullable !== true }
  }

  /** One of them may say null. */
  #alternatives(alternatives: readonly Json[], at: string): Item {
    const others = alternatives.filter((each) => !isObject(each) || each.type !== 'null')
    if (others.length !== 1) throw new NotMapped(`${at} has several alternatives`)
    const { type, notNull } = this.item(others[0], at)
    return { type, notNull: notNull && others.length === alternatives.length }
  }

  /** What is written, or what the values and keywords leave no doubt about. */
  #types(schema: JsonObject, at: string): readonly string[] {
    const { type, properties, items } = schema
    if (typeof type === 'string') return [type]
    if (Array.isArray(type))
      return [...new Set(type.map((each) => (each === 'integer' && type.includes('number') ? 'number' : String(each))))]
    const values = Array.isArray(schema.enum) ? schema.enum : 'const' in schema ? [schema.const!] : []
    if (values.length > 0) return typesOf(values)
    if (isObject(properties)) return ['object']
    if (isObject(items)) return ['array']
    throw new NotMapped(`${at} says nothing of the type`)
  }

  #type(type: string, schema: JsonObject, at: string): ColumnType {
    if (type === 'object') return this.#object(schema, at)
    if (type === 'array') {
      if (!isObject(schema.items) || schema.prefixItems !== undefined)
        throw new NotMapped(`${at} does not say what its items are, or says it of each by its place`)
      return { kind: 'ARRAY', element: this.item(schema.items, `${at}/items`) }
    }
    if (type === 'string' && schema.format === 'date') return { kind: 'DATE' }
    if (type === 'string' && schema.format === 'date-time') return { kind: 'STRING', format: 'date-time' }
    return scalars[type] ?? this.#fail(`${at} has the type ${type}`)
  }

  #object(schema: JsonObject, at: string): ColumnType {
    const { properties, patternProperties, additionalProperties } = schema
    const patterns = isObject(patternProperties) ? Object.entries(patternProperties) : []
    if (isObject(properties) && Object.keys(properties).length > 0) {
      if (patterns.length > 0) this.#fail(`${at} has properties that only a pattern names`)
      return { kind: 'ROW', columns: this.#columns(properties, schema, at) }
    }
    if (patterns.length === 1 && additionalProperties === false)
      return { kind: 'MAP', value: this.item(patterns[0]![1], `${at}/patternProperties/${patterns[0]![0]}`) }
    if (patterns.length === 0 && isObject(additionalProperties))
      return { kind: 'MAP', value: this.item(additionalProperties, `${at}/additionalProperties`) }
    return this.#fail(`${at} does not say which properties it has`)
  }

  #columns(properties: JsonObject, { required }: JsonObject, at: string): readonly Column[] {
    const names: readonly Json[] = Array.isArray(required) ? required : []
    const unknown = names.find((name) => !Object.hasOwn(properties, String(name)))
    if (unknown !== undefined) this.#fail(`${at} requires ${String(unknown)} and says nothing more of it`)
    return Object.entries(properties).map(([name, property]) => {
      const { type, notNull } = this.item(property, `${at}/properties/${name}`)
      return { name, type, notNull: notNull && names.includes(name) }
    })
  }

  #fail(problem: string): never {
    throw new NotMapped(problem)
  }
}

function typesOf(values: readonly Json[]): readonly string[] {
  const typeOf = (value: Json) => {
    if (value === null) return 'null'
    if (Array.isArray(value)) return 'array'
    if (typeof value === 'number')
      return values.every((each) => typeof each !== 'number' || Number.isInteger(each)) ? 'integer' : 'number'
    return typeof value
  }
  return [...new Set(values.map(typeOf))]
}
