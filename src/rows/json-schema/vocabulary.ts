type Form = 'one' | 'list' | 'named'

const forms: { readonly [form in Form]: readonly string[] } = {
  one: [
    ...['additionalItems', 'additionalProperties', 'contains', 'contentSchema', 'else', 'if', 'items', 'not'],
    ...['propertyNames', 'then', 'unevaluatedItems', 'unevaluatedProperties'],
  ],
  list: ['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems'],
  named: ['$defs', 'definitions', 'dependencies', 'dependentSchemas', 'patternProperties', 'properties'],
}

/** Whether schemas stand in a keyword so: a single one, a list, an object of them. In either draft. */
export const holds = (keyword: string, form: Form): boolean => forms[form].includes(keyword)
export const applicators: readonly string[] = [...new Set(Object.values(forms).flat())]

/** Keywords whose numbers are compared with those of a document, digit by digit. */
export const limits = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'] as const
export type Limit = (typeof limits)[number]

const others = [
  ...['$anchor', '$comment', '$dynamicAnchor', '$dynamicRef', '$id', '$ref', '$schema', '$vocabulary'],
  ...['const', 'contentEncoding', 'contentMediaType', 'default', 'dependentRequired', 'deprecated', 'description'],
  ...['enum', 'examples', 'format', 'maxContains', 'maxItems', 'maxLength', 'maxProperties', 'minContains', 'minItems'],
  ...['minLength', 'minProperties', 'nullable', 'pattern', 'readOnly', 'required', 'title', 'type', 'uniqueItems'],
  ...['writeOnly', 'example'],
]

export const keywords: ReadonlySet<string> = new Set([...applicators, ...limits, ...others])
