import type { PipelineError } from '../core/errors.ts'
import { attempt, bounded, type Step } from '../core/steps.ts'
import { type Account, type Authorization, createAuthorization, nobody } from './authorization.ts'
import type { GoogleConfig } from './config.ts'
import { classifyCall } from './errors.ts'

const stepMs = 10_000

/** How the services are asked; undefined where there is no access. `isNeeded`: one of them is no emulator. */
export async function* probeSignIn(
  config: GoogleConfig,
  { directory, isNeeded }: { readonly directory: string; readonly isNeeded: boolean },
  signal: AbortSignal,
): AsyncGenerator<Step, Authorization | undefined> {
  if (!isNeeded) {
    yield { step: 'credentials', state: 'skipped', values: {} }
    return nobody
  }
  const explain = (error: unknown): PipelineError => classifyCall(error, 'Google')
  const inTime = <T>(work: () => Promise<T>) => bounded(stepMs, signal, work)
  const authorization = yield* attempt({
    step: 'credentials',
    values: {},
    work: () => inTime(() => createAuthorization(config, directory)),
    describe: ({ account: { kind, account } }: { readonly account: Account }) => ({ values: { kind, account } }),
    explain,
  })
  if (!authorization) return undefined
  const headers = yield* attempt({
    step: 'token',
    values: {},
    work: () => inTime(() => authorization.headers()),
    describe: () => ({}),
    explain,
  })
  return headers && authorization
}

/** False where only the right to list is missing, and not the service or the project. Else throws the error. */
export function exceptListing(error: PipelineError): false {
  const isOff = /\b(disabled|has not been used|billing|not found)\b/i.test(error.message)
  if (error.code !== 'TARGET_AUTHORIZATION' || isOff) throw error
  return false
}
