import { toBase64 } from './bytes.ts'

/**
 * What an MQTT 5 publisher said about a message (section 3.3.2.3). A user property may come several times, and their
 * order counts. Nothing of it is changed once it is here.
 */
export interface MessageProperties {
  readonly userProperties?: readonly (readonly [name: string, value: string])[]
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Uint8Array
}

/** The same as a flow sees it, with the names of Node-RED's own MQTT nodes. */
export interface PropertyFields {
  readonly userProperties?: { readonly [name: string]: string | readonly string[] }
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Uint8Array
}

const ownNames = /^(mqtt\.|rowline\.|source(\.|$))/

/**
 * As headers and attributes. A user property keeps its name, unless that is one of ours: then it is
 * `mqtt.user.<name>`. The values of a name that comes several times stand in one text, separated by `, `.
 */
export function propertyMetadata(properties: MessageProperties): { readonly [name: string]: string } {
  const { userProperties = [], contentType, responseTopic, correlationData } = properties
  const metadata = new Map<string, string>()
  if (contentType !== undefined) metadata.set('mqtt.content-type', contentType)
  if (responseTopic !== undefined) metadata.set('mqtt.response-topic', responseTopic)
  if (correlationData !== undefined) metadata.set('mqtt.correlation-data', toBase64(correlationData))
  for (const [key, value] of userProperties) {
    const name = ownNames.test(key) ? `mqtt.user.${key}` : key
    const earlier = metadata.get(name)
    metadata.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
  }
  return Object.fromEntries(metadata)
}

export function toFields({ userProperties, ...rest }: MessageProperties): PropertyFields {
  if (!userProperties) return rest
  const values = new Map<string, string | readonly string[]>()
  for (const [name, value] of userProperties) {
    const earlier = values.get(name)
    values.set(name, earlier === undefined ? value : [earlier, value].flat())
  }
  return { ...rest, userProperties: Object.fromEntries(values) }
}

/** A flow may put anything in their place: what is none of them is left out. Undefined when nothing is left. */
export function fromFields(fields: { readonly [name: string]: unknown }): MessageProperties | undefined {
  const { userProperties, contentType, responseTopic, correlationData } = fields
  if ((userProperties ?? contentType ?? responseTopic ?? correlationData) === undefined) return undefined
  const pairs = userPairs(userProperties)
  const properties: MessageProperties = {
    ...(pairs.length > 0 ? { userProperties: pairs } : {}),
    ...(typeof contentType === 'string' ? { contentType } : {}),
    ...(typeof responseTopic === 'string' ? { responseTopic } : {}),
    ...(correlationData instanceof Uint8Array ? { correlationData } : {}),
  }
  return Object.keys(properties).length > 0 ? properties : undefined
}

function userPairs(value: unknown): (readonly [string, string])[] {
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([name, one]: [string, unknown]) =>
    (Array.isArray(one) ? (one as unknown[]) : [one]).map((each) => [name, textOf(each)] as const),
  )
}

/** Never throws: an object may have a `toString` that is none, or no prototype. */
export function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
