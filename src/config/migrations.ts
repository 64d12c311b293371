import type { NodeDeclaration } from './declaration.ts'

type Raw = { readonly [property: string]: unknown }

/** One change of a node type's properties. Secrets are not among them: Node-RED keeps those by their names. */
export interface Migration {
  /** Properties that exist no more: the editor goes on reading them from older flows. */
  readonly retired: readonly string[]
  /** Pure: the properties as the definition before had them, to those of the next. Absent ones stand for defaults. */
  migrate(raw: Raw): Raw
}

type Migrating = Pick<NodeDeclaration, 'migrations'>

/** Of the definition that this package writes. Each migration has made it one more. */
export const versionOf = ({ migrations = [] }: Migrating): number => migrations.length + 1

export const retiredOf = ({ migrations = [] }: Migrating): readonly string[] =>
  migrations.flatMap(({ retired }) => retired)

/** Of the definition in a flow: 1 where it says nothing, as everything before there were versions. */
export const storedVersion = ({ version }: Raw): number => Math.max(1, Number(version) || 1)

/** A node's properties as this package names them. What a newer package has written stays as it is. */
export function migrated(declaration: Migrating, raw: Raw): Raw {
  const { migrations = [] } = declaration
  const pending = migrations.slice(storedVersion(raw) - 1)
  return pending.length === 0
    ? raw
    : { ...pending.reduce((values, { migrate }) => migrate(values), raw), version: versionOf(declaration) }
}
