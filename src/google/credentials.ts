import { Problem } from '../core/problem.ts'
import { googleProblems } from './problems.ts'

/** Kinds of credential files that Google gives out and that work without a person or another program. */
const kinds = ['service_account', 'external_account', 'impersonated_service_account', 'authorized_user'] as const

export interface CredentialsJson {
  readonly type: (typeof kinds)[number]
  readonly [name: string]: unknown
}

/** The text of a credential file, or why it is none. */
export function readCredentials(text: string): CredentialsJson | Problem {
  const json = parsed(text)
  if (json === undefined) return googleProblems.of('credentials')
  const { type, client_email: email, private_key: key } = json
  if (!kinds.includes(type as CredentialsJson['type'])) return googleProblems.of('kind', { kinds: kinds.join(', ') })
  if (type === 'service_account' && !(isText(email) && isText(key))) return googleProblems.of('key')
  return json as CredentialsJson
}

export function credentialsProblem(text: string): Problem | undefined {
  const read = readCredentials(text)
  return read instanceof Problem ? read : undefined
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
