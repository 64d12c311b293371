import type { NodeDeclaration } from '../src/config/declaration.ts'
import { placeParts } from '../src/migration/node-fields.ts'
import type { Option, Place, System } from '../src/migration/option.ts'

/** One section per system with all its options and what they are called here. */
export function migrationTables(systems: readonly System[], declarations: readonly NodeDeclaration[]): string {
  const labels = new Map(declarations.map(({ type, label }) => [type, label]))
  const nodeLabel = (type: string) => labels.get(type) ?? (type === 'sink' ? 'every sink' : 'settings.js')
  return systems.map((system) => section(system, nodeLabel)).join('\n\n')
}

function section({ title, about, options }: System, nodeLabel: (type: string) => string): string {
  const rows = options.map((option) => row(option, nodeLabel))
  return [`## ${title}`, '', about, '', '| Option | Here | What is different |', '| --- | --- | --- |', ...rows].join(
    '\n',
  )
}

function row({ names, here, note }: Option, nodeLabel: (type: string) => string): string {
  const shown = names.map((name) => (/[` ]/.test(name) ? name : `\`${name}\``)).join(', ')
  const places = here.map((place) => placeText(place, nodeLabel)).join('; ')
  return `| ${[shown, places === '' ? 'nothing' : places, note].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** `kafka sink › Retries (`maxRetries`)`. */
export function placeText(place: Place, nodeLabel: (type: string) => string): string {
  const { type, field } = placeParts(place)
  const table = place.includes('[]') ? `${placeParts(place.replace(/\[\].*$/, '')).field.label} › ` : ''
  return `${nodeLabel(type)} › ${table}${field.label} (\`${place.slice(type.length + 1)}\`)`
}
