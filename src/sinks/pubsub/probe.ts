import { attempt, type Step } from '../../core/steps.ts'
import type { Authorization } from '../../google/authorization.ts'
import type { GoogleConfig } from '../../google/config.ts'
import { classifyCall } from '../../google/errors.ts'
import { GrpcChannel } from '../../google/grpc.ts'
import { exceptListing } from '../../google/probe.ts'
import { sinkFields } from './config.ts'
import { listTopicsRequest } from './wire.ts'

const timeoutMs = 8000

/** Lists one topic. Without an authorization nobody is asked. */
export async function* probePubsub(
  { projectId, pubsubEmulator }: GoogleConfig,
  authorization: Authorization | undefined,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const address = pubsubEmulator || String(sinkFields.endpoint.default)
  const values = { project: projectId, address }
  if (!authorization) {
    yield { step: 'pubsub', state: 'skipped', values }
    return
  }
  const channel = new GrpcChannel({
    origin: pubsubEmulator === '' ? `https://${address}` : `http://${address}`,
    service: 'google.pubsub.v1.Publisher',
    headers: () => authorization.headers(),
    timeoutMs,
  })
  const project = `projects/${projectId}`
  const explain = (error: unknown) => classifyCall(error, `Pub/Sub of the project ${projectId}`)
  try {
    yield* attempt({
      step: 'pubsub',
      values,
      work: async () => {
        const routing = `project=${encodeURIComponent(project)}`
        const answer = channel.unary('ListTopics', listTopicsRequest(project), routing, signal)
        return await answer.then(
          () => true,
          (error: unknown) => exceptListing(explain(error)),
        )
      },
      describe: (mayList) => (mayList ? {} : { state: 'noted', text: 'unlisted' }),
      explain,
    })
  } finally {
    channel.close()
  }
}
