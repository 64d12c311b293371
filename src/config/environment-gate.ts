import { Problem } from '../core/problem.ts'

/** What the fields of every sink may say. */
export const sinkProblems = Problem.area('sink', { names: 'must be names without spaces, separated by commas' })

export interface GateConfig {
  readonly environment: string
  readonly enabledIn: string
  readonly dryRunIn: string
}

/** Whether a sink writes, or only says what it would write. A text is why neither is sure, without its subject. */
export type Gate = 'write' | 'dry-run' | { readonly problem: string }

export function environmentGate({ environment, enabledIn, dryRunIn }: GateConfig): Gate {
  if (environment === '') return 'write'
  const [enabled, dryRun] = [names(enabledIn), names(dryRunIn)]
  const both = enabled.find((name) => dryRun.includes(name))
  if (both !== undefined) return { problem: `cannot be decided: ${both} is both written and only logged` }
  if (enabled.includes(environment)) return 'write'
  if (dryRun.includes(environment)) return 'dry-run'
  return { problem: `must be one of ${[...enabled, ...dryRun].join(', ')}, not ${environment}` }
}

export function namesProblem(list: string): Problem | undefined {
  return list === '' || names(list).every((name) => /^\S+$/.test(name)) ? undefined : sinkProblems.of('names')
}

const names = (list: string): readonly string[] => (list === '' ? [] : list.split(',').map((name) => name.trim()))
