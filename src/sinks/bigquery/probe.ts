import { attempt, type Step } from '../../core/steps.ts'
import type { Authorization } from '../../google/authorization.ts'
import type { GoogleConfig } from '../../google/config.ts'
import { exceptListing } from '../../google/probe.ts'
import { classifyRest } from './errors.ts'
import { askRest, originOf } from './rest.ts'

const timeoutMs = 8000

/** Lists one dataset. Without an authorization nobody is asked. */
export async function* probeBigQuery(
  config: GoogleConfig,
  authorization: Authorization | undefined,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const { projectId } = config
  const origin = originOf(config)
  const values = { project: projectId, address: new URL(origin).host }
  if (!authorization) {
    yield { step: 'bigquery', state: 'skipped', values }
    return
  }
  const path = `/bigquery/v2/projects/${encodeURIComponent(projectId)}/datasets?maxResults=1`
  const explain = (error: unknown) => classifyRest(error, `BigQuery of the project ${projectId}`)
  yield* attempt({
    step: 'bigquery',
    values,
    work: async () => {
      const answer = askRest(
        { origin, headers: () => authorization.headers(), timeoutMs },
        { method: 'GET', path },
        signal,
      )
      return await answer.then(
        () => true,
        (error: unknown) => exceptListing(explain(error)),
      )
    },
    describe: (mayList) => (mayList ? {} : { state: 'noted', text: 'unlisted' }),
    explain,
  })
}
