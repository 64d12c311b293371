import { PipelineError } from '../core/errors.ts'
import type { Step } from '../core/steps.ts'
import { filterProblem, sharedFilter } from '../core/topic-filter.ts'
import type { SourceConfig } from './config.ts'
import { connectionError } from './connection-error.ts'
import { connectionOptions } from './connection-options.ts'
import type { InboundPublish } from './publish-decoder.ts'
import { type Sampled, type SampleLimits, sampleLimits } from './sample-limits.ts'
import { type Visit, visit } from './visit.ts'

const shownHexBytes = 32

/**
 * Messages of these filters, at QoS 0 and with a throw-away client id, until one of the limits is reached. A shared
 * subscription is read beside its group, from which nothing is taken. A failed step where that is not possible.
 */
export async function* sampleTopics(
  config: SourceConfig,
  { directory, filters, limits = sampleLimits }: Wanted,
  signal: AbortSignal,
): AsyncGenerator<Sampled | Step, void> {
  const enough = AbortSignal.any([signal, AbortSignal.timeout(limits.ms)])
  const arrived: Sampled[] = []
  let wake = () => {}
  let count = 0
  const take = (publish: InboundPublish) => {
    if (count++ < limits.messages) arrived.push(sampled(publish, limits.payloadBytes))
    wake()
  }
  enough.addEventListener('abort', () => wake(), { once: true })
  let visited: Visit | undefined
  try {
    const options = connectionOptions(config, '', directory)
    const broker = `${options.socket.host}:${options.socket.port}`
    visited = await visit(options, take, enough).catch((error: unknown) => {
      throw connectionError(error, broker)
    })
    let lost: { readonly error: unknown } | undefined
    void visited.ended.then((error) => {
      lost = { error }
      wake()
    })
    await subscribe(visited, filters)
    for (let given = 0; given < limits.messages && !enough.aborted; given++) {
      while (arrived.length === 0 && !enough.aborted && !lost)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      const next = arrived.shift()
      if (next) yield next
      else if (lost) throw connectionError((lost as { readonly error: unknown }).error, broker)
    }
  } catch (error) {
    yield { step: 'sample', state: 'failed', values: {}, problem: (error as Error).message }
  } finally {
    await visited?.close()
  }
}

interface Wanted {
  readonly directory: string
  readonly filters: readonly string[]
  readonly limits?: SampleLimits
}

async function subscribe({ client }: Visit, filters: readonly string[]): Promise<void> {
  for (const filter of filters) {
    const problem = filterProblem(filter)
    if (problem !== undefined) throw new PipelineError('CONFIG_INVALID', { field: filter, problem: problem.text })
  }
  const plain = [...new Set(filters.map(sharedFilter))]
  await new Promise<void>((resolve, reject) => {
    client.subscribe(plain, { qos: 0 }, (error, _granted, packet) => {
      const answer = packet ?? (error as { readonly packet?: typeof packet } | null)?.packet
      const codes = (answer?.granted ?? []) as readonly number[]
      const refused = plain.filter((_filter, i) => (codes[i] ?? 0) >= 0x80)
      if (refused.length > 0) reject(new PipelineError('SUBSCRIPTION_REFUSED', { filter: refused.join(', ') }))
      else if (error) reject(error)
      else resolve()
    })
  })
}

function sampled({ topic, payload, packetBytes }: InboundPublish, most: number): Sampled {
  const kept = payload.subarray(0, most)
  const text = kept.toString('utf8')
  // A character that was cut in two is no sign of bytes.
  const isText = !text.slice(0, -1).includes('\ufffd') && !text.includes('\0')
  return {
    topic,
    payload: isText ? text : kept.subarray(0, shownHexBytes).toString('hex'),
    bytes: packetBytes ?? payload.length,
    isText,
    isCut: packetBytes !== undefined || payload.length > most,
  }
}
