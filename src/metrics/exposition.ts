/** A metric with all its values at this moment, under the names that Prometheus gives them. */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: readonly Sample[]
}

export type Labels = { readonly [name: string]: string | number }

export interface Sample {
  readonly labels: Labels
  readonly value: number
  /** Of a histogram's parts, which have names of their own. */
  readonly metricName?: string
}

/** The text format of Prometheus, and the content type to send it with. The library is loaded with the first call. */
export async function expose(
  metrics: readonly Metric[],
): Promise<{ readonly text: string; readonly contentType: string }> {
  const { Registry } = await import('prom-client')
  const registry = new Registry()
  for (const metric of metrics)
    registry.registerMetric({ name: metric.name, get: async () => ({ ...metric, aggregator: 'sum' }) } as never)
  return { text: await registry.metrics(), contentType: registry.contentType }
}
