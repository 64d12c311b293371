/** Kinds of credential files that Google gives out and that work without a person or another program. */
const kinds = ['service_account', 'external_account', 'impersonated_service_account', 'authorized_user'] as const

export interface CredentialsJson {
  readonly type: (typeof kinds)[number]
  readonly [name: string]: unknown
}

/** The text of a credential file, or why it is none: a sentence without its subject. */
export function readCredentials(text: string): CredentialsJson | string {
  const json = parsed(text)
  if (json === undefined) return 'must be the JSON text of a credentials file'
  const { type, client_email: email, private_key: key } = json
  if (!kinds.includes(type as CredentialsJson['type'])) return `must have a "type" that is one of ${kinds.join(', ')}`
  if (type === 'service_account' && !(isText(email) && isText(key)))
    return 'must have "client_email" and "private_key": download the key of the service account again'
  return json as CredentialsJson
}

export function credentialsProblem(text: string): string | undefined {
  const read = readCredentials(text)
  return typeof read === 'string' ? read : undefined
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''

function parsed(text: string): { readonly [name: string]: unknown } | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return json !== null && typeof json === 'object' ? { ...json } : undefined
  } catch {
    return undefined
  }
}
