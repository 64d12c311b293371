import type { Record } from '../../src/core/record.ts'
import type { SinkContext } from '../../src/sinks/definition.ts'

/** What the contract needs to know of a target. Everything in it acts on the real part. */
export interface SinkHarness {
  start(): Promise<void>
  stop(): Promise<void>
  /** Raw configuration for a target of its own; `name` differs in each test. */
  config(name: string): { readonly [option: string]: unknown }
  readonly context: SinkContext
  /** The payloads that are in the target of that name, as JSON values, in order. */
  readBack(name: string): Promise<readonly unknown[]>
  /** From now on writes to the target fail in a way that passes. */
  breakTarget(name: string): Promise<void>
  healTarget(name: string): Promise<void>
  /** A record that prepare takes and that the target, or else prepare, refuses. */
  readonly poison: Record
}

export function reading(n: number, fields: Partial<Record> = {}): Record {
  return { topic: 'plant/line1', payload: { n }, qos: 1, retain: false, dup: false, receivedAt: Date.now(), ...fields }
}

export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
/** The payloads of readings with these numbers. */
export const rows = (numbers: readonly number[]) => numbers.map((n) => ({ n }))
