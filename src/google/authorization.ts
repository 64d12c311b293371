import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { AuthClient, IdentityPoolClientOptions } from 'google-auth-library'
import { messageOf, PipelineError } from '../core/errors.ts'
import { Problem } from '../core/problem.ts'
import type { GoogleConfig } from './config.ts'
import { type CredentialsJson, readCredentials } from './credentials.ts'

type Library = typeof import('google-auth-library')

/** Says to Google who we are. */
export interface Authorization {
  /**
   * Headers of a request at this moment, names in small letters. A token is fetched when there is none, or the last one
   * ends soon. Rejects with a PipelineError: CREDENTIALS_UNUSABLE, or TARGET_UNREACHABLE while nobody gives a token.
   */
  headers(): Promise<{ readonly [name: string]: string }>
}

/** Who that is. No secret. */
export interface Account {
  /** As credential files name it; `compute` is the machine's own account. */
  readonly kind: string
  /** Its e-mail or, of an identity from elsewhere, for whom it is meant. Empty where the credentials do not say it. */
  readonly account: string
}

const scopes = ['https://www.googleapis.com/auth/cloud-platform']

/** What an emulator is asked with. */
export const nobody: Authorization = { headers: () => Promise.resolve({}) }

/** How long a sign-in service may take: the library asks none twice at a time, and would wait for ever. */
const tokenTimeoutMs = 20_000

/** Loads the library and reads the credentials. Rejects with DEPENDENCY_MISSING or CREDENTIALS_UNUSABLE. */
export async function createAuthorization(
  config: GoogleConfig,
  directory: string,
  timeoutMs = tokenTimeoutMs,
): Promise<Authorization & { readonly account: Account }> {
  const library: Library = await import('google-auth-library').catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new PipelineError(
      'DEPENDENCY_MISSING',
      {
        name: 'google-auth-library',
        instead: 'install the offline package whose name ends in -offline-google',
      },
      error,
    )
  })
  const clients = { library, asking: { transporterOptions: { timeout: timeoutMs } } }
  const own = await ownClient(clients, config, directory)
  const client = config.impersonate === '' ? own : impersonated(clients, own, config.impersonate)
  return {
    account: accountOf(library, client),
    headers: async () => {
      try {
        return Object.fromEntries(await client.getRequestHeaders())
      } catch (error) {
        throw classifyToken(error)
      }
    },
  }
}

interface Clients {
  readonly library: Library
  /** Options of every client. */
  readonly asking: { readonly transporterOptions: { readonly timeout: number } }
}

function accountOf(library: Library, client: AuthClient): Account {
  if (client instanceof library.JWT) return { kind: 'service_account', account: client.email ?? '' }
  if (client instanceof library.Impersonated)
    return { kind: 'impersonated_service_account', account: client.getTargetPrincipal() }
  if (client instanceof library.UserRefreshClient) return { kind: 'authorized_user', account: '' }
  if (client instanceof library.Compute) return { kind: 'compute', account: '' }
  const external = client as { readonly getServiceAccountEmail?: () => string | null }
  return { kind: 'external_account', account: external.getServiceAccountEmail?.() ?? '' }
}

async function ownClient(clients: Clients, config: GoogleConfig, directory: string): Promise<AuthClient> {
  const { credentialsMode, credentialsFile, credentialsJson } = config
  if (credentialsMode === 'adc') {
    const { library, asking: clientOptions } = clients
    return await new library.GoogleAuth({ scopes, clientOptions }).getClient().catch(unusable)
  }
  const text = credentialsMode === 'file' ? await readText(resolve(directory, credentialsFile)) : credentialsJson
  const json = readCredentials(text)
  const name = credentialsMode === 'file' ? credentialsFile : 'The text under "Credentials"'
  if (json instanceof Problem) throw new PipelineError('CREDENTIALS_UNUSABLE', { problem: `${name} ${json.text}` })
  try {
    return clientOf(clients, json)
  } catch (error) {
    return unusable(error)
  }
}

/** By kind, as the library asks for: its own choice of a kind would follow whatever a file says. */
function clientOf(clients: Clients, json: CredentialsJson): AuthClient {
  const { library, asking } = clients
  if (json.type === 'service_account') {
    const { client_email: email, private_key: key, private_key_id: keyId } = json as { [name: string]: string }
    return new library.JWT({ email: email!, key: key!, ...(keyId && { keyId }), scopes, ...asking })
  }
  if (json.type === 'authorized_user') {
    const { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken } = json as unknown as Texts
    return new library.UserRefreshClient({ clientId, clientSecret, refreshToken, ...asking })
  }
  if (json.type === 'impersonated_service_account') {
    const { source_credentials: source, service_account_impersonation_url: url } = json
    const account = /([^/]+):generateAccessToken$/.exec(String(url))?.[1]
    const inner = readCredentials(JSON.stringify(source ?? null))
    if (account === undefined || inner instanceof Problem)
      throw new Error('its "service_account_impersonation_url" or "source_credentials" cannot be read')
    return impersonated(clients, clientOf(clients, inner), account)
  }
  const options = { ...json, scopes, ...asking } as unknown as IdentityPoolClientOptions
  const { environment_id: aws, executable } = Object(json.credential_source) as { [name: string]: unknown }
  if (executable !== undefined) throw new Error('a credential source that is a program is not supported')
  return aws === undefined
    ? new library.IdentityPoolClient(options)
    : new library.AwsClient(options as ConstructorParameters<Library['AwsClient']>[0])
}

type Texts = { readonly [name in 'client_id' | 'client_secret' | 'refresh_token']: string }

function impersonated({ library, asking }: Clients, sourceClient: AuthClient, targetPrincipal: string): AuthClient {
  return new library.Impersonated({
    ...asking,
    sourceClient,
    targetPrincipal,
    targetScopes: scopes,
    delegates: [],
    lifetime: 3600,
  })
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(unusable)
}

function unusable(error: unknown): never {
  throw new PipelineError('CREDENTIALS_UNUSABLE', { problem: messageOf(error) }, error)
}

/** A refusal has a status of 400 and up; what has none, or 500 and up, is a service that is away. */
function classifyToken(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error
  const { status, code } = error as { readonly status?: unknown; readonly code?: unknown }
  const number = Number(status ?? code)
  const isAway =
    (number >= 500 && number < 600) || number === 429 || /^(E(?!RR_)[A-Z_]+|TimeoutError)$/.test(String(code))
  const problem = messageOf(error)
  return isAway
    ? new PipelineError('TARGET_UNREACHABLE', { target: "Google's sign-in service", problem }, error)
    : new PipelineError('CREDENTIALS_UNUSABLE', { problem }, error)
}
