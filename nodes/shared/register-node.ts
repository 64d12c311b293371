import type { Node, NodeAPI, NodeDef } from 'node-red'
import type { NodeDeclaration } from '../../src/config/declaration.ts'
import { expandEnvironment } from '../../src/config/environment.ts'
import {
  type ConfigOf,
  type FieldProblem,
  type Fields,
  fieldProblems,
  parseFields,
  runtimeProblems,
} from '../../src/config/fields.ts'
import { migrated, storedVersion, versionOf } from '../../src/config/migrations.ts'
import { withIds } from '../../src/config/table-references.ts'
import { undeclaredIn } from '../../src/config/undeclared.ts'
import { type ErrorCode, messageOf, toPipelineError } from '../../src/core/errors.ts'
import { newerFlow } from './red-reason.ts'
import { type Rowline, rowlineOf, settingOf } from './rowline.ts'

type Raw = { readonly [name: string]: unknown }

/** A node of ours. `config` is missing while there is something wrong with it. */
export interface RowlineNode<C = unknown> extends Node {
  config?: C
  problems?: readonly string[]
  /** Of the error that has kept it from starting. */
  failure?: ErrorCode
  /** It will never be done with what it still holds. */
  stuck?: boolean
}

/**
 * Registers a node type whose configuration is read by its declaration. A node with a wrong configuration is red, says
 * which field it is and keeps what it is sent: nothing is acknowledged that has nowhere to go.
 */
export function registerNode<F extends Fields>(
  RED: NodeAPI,
  declaration: NodeDeclaration<F>,
  start: (node: RowlineNode<ConfigOf<F>>, config: ConfigOf<F>, rowline: Rowline) => void = () => {},
): void {
  const rowline = rowlineOf(RED)
  rowline.declarations.set(declaration.type, declaration as unknown as NodeDeclaration)
  if (declaration.kind !== 'config') rowline.types.add(declaration.type)
  function construct(this: RowlineNode<ConfigOf<F>>, definition: NodeDef): void {
    RED.nodes.createNode(this, definition)
    const { config, problems } = readConfig(RED, this, definition as unknown as Raw, declaration)
    if (config === undefined) showProblems(this, problems)
    else {
      this.config = config
      startOrShow(this, () => start(this, config, rowline))
    }
    if (this.problems && declaration.kind !== 'config') rowline.noteRed(this, this.problems[0]!, this.failure)
    if (declaration.kind === 'source' && this.stuck)
      noteRedInput(this, String((definition as unknown as Raw).source), rowline)
  }
  RED.nodes.registerType(declaration.type, construct, { credentials: credentials(declaration.fields) })
}

/** What its session is subscribed to must go on: nobody else has it meanwhile. */
function noteRedInput(node: RowlineNode, source: string, { redInputs }: Rowline): void {
  redInputs.set(node.id, source)
  node.on('close', () => redInputs.delete(node.id))
}

/** Node-RED forgets a node whose constructor throws, and takes what is sent to it for delivered. */
function startOrShow(node: RowlineNode, start: () => void): void {
  try {
    start()
  } catch (error) {
    node.failure = toPipelineError(error).code
    showProblems(node, [messageOf(error)])
  }
}

function readConfig<F extends Fields>(
  RED: NodeAPI,
  node: Node,
  definition: Raw,
  declaration: NodeDeclaration<F>,
): ReadConfig<F> {
  if (storedVersion(definition) > versionOf(declaration as object))
    return { problems: [`${newerFlow}: update the package`] }
  warnOfUndeclared(node, definition, declaration as unknown as NodeDeclaration)
  const named = (stored: Raw) => withIds(declaration.fields, migrated(declaration as object, stored))
  const raw = { ...named(definition), ...(node.credentials as Raw | undefined) }
  const stored = () => named(storedDefinition(RED, node))
  return parseRaw(RED, { node, raw, stored }, declaration)
}

/** Whoever wrote the flow by hand, or by a program, is told what does nothing. Names alone: a value may be a secret. */
function warnOfUndeclared(node: Node, definition: Raw, declaration: NodeDeclaration): void {
  const names = undeclaredIn(declaration, Object.keys(definition)).map(({ name, near }) =>
    near === undefined ? name : `${name} (${near}?)`,
  )
  if (names.length > 0) node.warn(`${declaration.label} has no such option, and nothing reads it: ${names.join(', ')}`)
}

export interface ReadConfig<F extends Fields> {
  readonly config?: ConfigOf<F>
  readonly problems: readonly string[]
}

/** `node` has the variables; `stored` are the values as the editor has them. */
export function parseRaw<F extends Fields>(
  RED: NodeAPI,
  { node, raw, stored }: { readonly node: Node | undefined; readonly raw: Raw; readonly stored: () => Raw },
  { fields, check }: NodeDeclaration<F>,
): ReadConfig<F> {
  const declared = Object.fromEntries(Object.keys(fields).map((name) => [name, raw[name]]))
  const { values, problems } = expandEnvironment(declared, (name) => environment(RED, node, name))
  const unset = [...problems, ...emptied(fields, values, stored)]
  const parsed = parseFields(fields, values)
  const all = [...unset, ...parsed.problems.filter(({ field }) => unset.every((known) => known.field !== field))]
  if (parsed.config && all.length === 0) all.push(...(check?.(parsed.config) ?? []))
  const texts = all.map((problem) => describe(fields, problem))
  if (parsed.config) texts.push(...brokenReferences(RED, fields, parsed.config as Raw))
  return parsed.config && texts.length === 0 ? { config: parsed.config, problems: [] } : { problems: texts }
}

/** What was to come from a variable that is set to nothing. */
function emptied(fields: Fields, values: Raw, stored: () => Raw): FieldProblem[] {
  const suspects = Object.keys(fields).filter((name) => fields[name]!.filled && (values[name] ?? '') === '')
  if (suspects.length === 0) return []
  const written = stored()
  return suspects
    .filter((name) => (written[name] ?? '') !== '')
    .map((field) => ({ field, problem: runtimeProblems.of('emptied') }))
}

/** As the editor has it: Node-RED gives a node the values of variables only. */
function storedDefinition(RED: NodeAPI, node: Node): Raw {
  // The node of the subflow that this one is an instance of.
  const { _alias = node.id } = node as { readonly _alias?: string }
  let stored: Raw = {}
  RED.nodes.eachNode((definition) => {
    if (definition.id === _alias) stored = definition as unknown as Raw
  })
  return stored
}

export function environment(RED: NodeAPI, node: Node | undefined, name: string): string | undefined {
  const value = settingOf(RED, node, name)
  return value === undefined || value === null ? undefined : String(value)
}

function describe(fields: Fields, { field, problem }: FieldProblem): string {
  const label = fields[field]?.label ?? field
  const { required, rows } = fieldProblems.texts
  const isMissing = problem.text === required || problem.text === rows
  return isMissing ? `${label.toLowerCase()} required` : `${label}: ${problem.text}`
}

/** A node is as right as the config nodes it uses: their problems are shown where the user looks. `at` is the row of a table. */
function brokenReferences(RED: NodeAPI, fields: Fields, config: Raw, at = ''): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const value = config[name]
    if (field.kind === 'table')
      return (value as Raw[]).flatMap((row, i) => {
        const [key] = Object.keys(field.columns!)
        return brokenReferences(RED, field.columns!, row, `${field.label}, row ${i + 1} (${row[key!]})`)
      })
    if (field.kind !== 'node' || value === '') return []
    const target = RED.nodes.getNode(value as string) as RowlineNode | undefined
    const where = at === '' ? field.label : at
    if (!target) return [`${where}: refers to a node that does not exist or is disabled`]
    if (target.config !== undefined) return []
    const problems = target.problems ?? ['is not configured']
    return at === '' && target.problems ? [...problems] : problems.map((problem) => `${where}: ${problem}`)
  })
}

/** What goes wrong is logged: nobody else hears of it, and an unhandled rejection would end Node-RED. */
export function onClose(node: Node, close: (removed: boolean) => Promise<void>): void {
  node.on('close', (removed: boolean, done: () => void) => {
    void close(removed)
      .catch((error: unknown) => node.error(messageOf(error)))
      .finally(done)
  })
}

function showProblems(node: RowlineNode, problems: readonly string[]): void {
  node.problems = problems
  node.stuck = true
  for (const problem of problems) node.error(problem)
  node.status({ fill: 'red', shape: 'ring', text: problems[0]!.slice(0, 60) })
  node.on('input', (_message, _send, _done) => {})
}

function credentials(fields: Fields): { [name: string]: { type: 'text' | 'password' } } {
  const secrets = Object.entries(fields).filter(([, { kind }]) => kind === 'secret')
  return Object.fromEntries(secrets.map(([name, { masked }]) => [name, { type: masked ? 'password' : 'text' }]))
}

/** The parsed configuration of a config node, or of any node of ours. */
export function configOf<C>(RED: NodeAPI, id: string): C {
  return (RED.nodes.getNode(id) as RowlineNode<C>).config!
}
