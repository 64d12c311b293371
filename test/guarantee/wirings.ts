import { declarations } from '../../nodes/declarations.ts'
import type { FlowNode } from '../../nodes/shared/guarantee/flow-graph.ts'
import { type Pipeline, pipelinesOf } from '../../nodes/shared/guarantee/pipelines.ts'

export type Rest = { readonly [property: string]: unknown }
export type Wires = readonly (readonly string[])[]

export const node = (id: string, type: string, wires: Wires, rest: Rest = {}): FlowNode => ({
  id,
  type,
  z: 'tab',
  x: 1,
  y: 1,
  name: id,
  wires,
  ...rest,
})

export const row = (filter: string, qos = '1') => ({ filter, qos, route: '', to: '' })

export const broker = (id = 'broker', rest: Rest = {}): FlowNode => ({
  id,
  type: 'mqtt-v3-source',
  name: id,
  host: '10.0.0.1',
  ...rest,
})

export const source = (to: readonly string[], rest: Rest = {}, id = 'in'): FlowNode =>
  node(id, 'mqtt-v3-in', [to, []], { source: 'broker', subscriptions: [row('plant/#')], ...rest })

export const kafka = (id = 'kafka', rest: Rest = {}, wires: Wires = [[], []]): FlowNode =>
  node(id, 'kafka-sink', wires, { cluster: 'cluster', ...rest })

export const bigquery = (rest: Rest = {}): FlowNode =>
  node('bq', 'bigquery-sink', [[], []], { cloud: 'c', writeMethod: 'exactlyOnce', ...rest })

export const types = new Map(declarations.map((declaration) => [declaration.type, declaration]))

export const judgeAll = (nodes: readonly FlowNode[]): readonly Pipeline[] =>
  pipelinesOf([{ id: 'tab', type: 'tab' }, broker(), ...nodes], { types })

/** Without the reminder of the broker's queue, which every kept session has. */
export const judge = (nodes: readonly FlowNode[]): readonly Pipeline[] =>
  judgeAll(nodes).map((pipeline) => ({
    ...pipeline,
    findings: pipeline.findings.filter(({ code }) => code !== 'brokerQueue'),
  }))

/** The only pipeline: its class, the code and node of its limit, all other codes. */
export function verdictOf(nodes: readonly FlowNode[]) {
  const pipelines = judge(nodes)
  if (pipelines.length !== 1) throw new Error(`${pipelines.length} pipelines`)
  const { guarantee, limit, findings } = pipelines[0]!
  const codes = findings.filter((one) => one !== limit).map(({ code, node: at }) => `${code} ${at}`)
  return { guarantee, limit: limit && `${limit.code} ${limit.node}`, others: codes }
}
