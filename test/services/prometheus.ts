import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, freePort, startProcess, temporaryDirectory, until } from './processes.ts'

export interface Scrape {
  readonly job: string
  readonly path: string
  /** On 127.0.0.1. */
  readonly port: number
}

export interface PrometheusOptions {
  readonly scrapes: readonly Scrape[]
  /** The text of a file of alert rules. */
  readonly rules: string
}

export interface Series {
  readonly labels: { readonly [name: string]: string }
  readonly value: number
}

export interface Rule {
  readonly name: string
  readonly query: string
  /** `ok` when its last evaluation succeeded. */
  readonly health: string
}

export interface Alert {
  readonly labels: { readonly [name: string]: string }
  readonly annotations: { readonly [name: string]: string }
  readonly state: 'pending' | 'firing'
}

/** A real Prometheus that scrapes and evaluates once a second, on 127.0.0.1 only. */
export interface Prometheus extends AsyncDisposable {
  /** An instant query. Rejects with Prometheus's words for an expression that is none. */
  query(expression: string): Promise<readonly Series[]>
  rules(): Promise<readonly Rule[]>
  alerts(): Promise<readonly Alert[]>
  stop(): Promise<void>
}

export async function startPrometheus({ scrapes, rules }: PrometheusOptions): Promise<Prometheus> {
  const directory = temporaryDirectory('prometheus')
  const port = await freePort()
  writeFileSync(join(directory, 'rules.yml'), rules)
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(configuration(scrapes)))
  const args = [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const server = startProcess(findProgram('prometheus', 'prometheus'), args, { name: 'prometheus' })
  const url = `http://127.0.0.1:${port}`
  const isReady = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok || !server.isRunning(),
      () => !server.isRunning(),
    )
  await until(isReady, { what: 'Prometheus', timeoutMs: 60_000, output: server.output })
  const stop = async () => void (await server.stop())
  return {
    query: async (expression) => {
      const { result } = await ask<Result>(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    },
    rules: async () => (await ask<Groups>(`${url}/api/v1/rules`)).groups.flatMap((group) => group.rules),
    alerts: async () => (await ask<{ readonly alerts: readonly Alert[] }>(`${url}/api/v1/alerts`)).alerts,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Result {
  readonly result: readonly { readonly metric: Series['labels']; readonly value: readonly [number, string] }[]
}
interface Groups {
  readonly groups: readonly { readonly rules: readonly Rule[] }[]
}

/** Prometheus reads YAML, which JSON is. */
const configuration = (scrapes: readonly Scrape[]) => ({
  global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
  rule_files: ['rules.yml'],
  scrape_configs: scrapes.map(({ job, path, port }) => ({
    job_name: job,
    metrics_path: path,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  })),
})

async function ask<T>(url: string): Promise<T> {
  const answer = (await (await fetch(url)).json()) as { readonly data: T; readonly error?: string }
  if (answer.error !== undefined) throw new Error(`Prometheus: ${answer.error}`)
  return answer.data
}
