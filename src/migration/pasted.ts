import { FAILSAFE_SCHEMA, load } from 'js-yaml'
import { parse } from 'smol-toml'
import { readSettings } from '../config/settings-text.ts'
import { messageOf } from '../core/errors.ts'
import { Problem } from '../core/problem.ts'
import { migrationProblems } from './problems.ts'

/** What somebody has pasted. Nothing is a number or a flag yet: `1.10` may be a password. Empty text: nothing is set. */
export type Pasted = string | readonly Pasted[] | PastedTable
export interface PastedTable {
  readonly [name: string]: Pasted
}

/**
 * Reads settings of a program: TOML, YAML, JSON, a dictionary of Python, lines of `NAME=value` as for a shell, Docker or
 * Java, the `environment` of a compose file, the `env` of a Kubernetes container, and calls such as `.option("a", "b")`. Several of them
 * stand one after the other, with a line `---` between them.
 */
export function readPasted(text: string): PastedTable | Problem {
  const parts = text.split(/^---[ \t]*$/m).filter((part) => part.trim() !== '')
  let all: PastedTable = {}
  for (const part of parts) {
    const read = readPart(part)
    if (read instanceof Problem) return read
    all = merged(all, read)
  }
  return all
}

/** Of two values the later one counts. */
const merged = (first: PastedTable, second: PastedTable): PastedTable => {
  const entries = Object.entries(second).map(([name, value]) => {
    const before = Object.hasOwn(first, name) ? first[name]! : ''
    return [name, isTable(before) && isTable(value) ? merged(before, value) : value] as const
  })
  return { ...first, ...Object.fromEntries(entries) }
}

function readPart(text: string): PastedTable | Problem {
  const calls = [...text.matchAll(call)]
  if (calls.length > 0) return Object.fromEntries(calls.map(([, name, value]) => [name!, unquoted(value!)]))
  if (/^\s*\[\[?[\w."-]+\]\]?\s*(#.*)?$/m.test(text)) return readToml(text)
  const lines = text.replace(/\s*\\\r?\n\s*(?=-e\s|--env|--conf)/g, '\n').replace(prefix, '')
  return isLines(lines) ? readLines(lines) : (readYaml(text) ?? readLines(lines))
}

/** Of Spark's and Flink's programs: `.option("QoS", 1)`, `config.put("QoS", "1")`, `setProperty(…)`. */
const call = /\b(?:option|put|setProperty)\(\s*"([^"]+)"\s*,\s*("(?:\\.|[^"\\])*"|[^\s)]+)\s*\)/g

const unquoted = (value: string) => (value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value)

const prefix = /^[ \t]*(?:export[ \t]+|set[ \t]+|ENV[ \t]+|-e[ \t]+|--env[ =]|--conf[ =]|-[ \t]+(?=["']?[A-Z_]\w*=))/gm

const isLines = (text: string) =>
  text.split(/\r?\n/).every((line) => /^\s*(?:[#;!].*|["']?[A-Za-z_][\w.-]*\s*=.*)?$/.test(line))

function readLines(text: string): PastedTable | Problem {
  const settings = readSettings(text.replace(/^(["'])(\w+=.*)\1$/gm, '$2'))
  return settings instanceof Problem ? settings : Object.fromEntries(settings)
}

function readToml(text: string): PastedTable | Problem {
  try {
    return plain(parse(text)) as PastedTable
  } catch (error) {
    return migrationProblems.of('toml', { reason: messageOf(error).split('\n')[0]! })
  }
}

/** Undefined where it is none, or one word. */
function readYaml(text: string): PastedTable | undefined {
  const bare = text.replace(/^\s*[\w.]+\s*=\s*(?=\{)/, '').replace(/^\t+/gm, (tabs) => '  '.repeat(tabs.length))
  try {
    const found = plain(load(bare, { schema: FAILSAFE_SCHEMA, json: true }))
    return typeof found === 'string' ? undefined : (environmentIn(found) ?? (isTable(found) ? found : undefined))
  } catch {
    return undefined
  }
}

/** Of a whole compose file or manifest only the variables count. */
function environmentIn(value: Pasted): PastedTable | undefined {
  if (typeof value === 'string') return undefined
  const variables = isTable(value) ? (value.environment ?? value.env) : value
  const found = variables === undefined ? undefined : variablesOf(variables)
  if (found !== undefined) return found
  for (const inner of Object.values(value)) {
    const deeper = environmentIn(inner)
    if (deeper !== undefined) return deeper
  }
  return undefined
}

function variablesOf(variables: Pasted): PastedTable | undefined {
  if (typeof variables === 'string') return undefined
  if (isTable(variables)) return variables
  const entries = variables.map(variableOf)
  return entries.length > 0 && entries.every((entry) => entry !== undefined) ? Object.fromEntries(entries) : undefined
}

/** A value that a manifest takes from elsewhere is taken from the variable here too. */
function variableOf(variable: Pasted): readonly [string, Pasted] | undefined {
  if (typeof variable === 'string') {
    const [, name, value = ''] = /^(\w+)=(.*)$/s.exec(variable) ?? []
    return name === undefined ? undefined : [name, value]
  }
  if (!isTable(variable) || typeof variable.name !== 'string') return undefined
  if (Object.keys(variable).some((key) => !['name', 'value', 'valueFrom'].includes(key))) return undefined
  return [variable.name, 'valueFrom' in variable ? `\${${variable.name}}` : (variable.value ?? '')]
}

export const isTable = (value: Pasted): value is PastedTable => typeof value === 'object' && !Array.isArray(value)

function plain(value: unknown): Pasted {
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Date) return value.toISOString()
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
  return value === null || value === undefined || /^(?:None|null|~)$/.test(String(value)) ? '' : String(value)
}
