import { isControlled, type NodeDeclaration } from '../../../src/config/declaration.ts'
import { hasReference } from '../../../src/config/environment.ts'
import type { Field, Fields } from '../../../src/config/fields.ts'
import { withIds, withSlots } from '../../../src/config/table-references.ts'
import { translated } from '../../../src/core/problem.ts'
import { openCode } from './code-control.ts'
import type { DialogPart } from './dialog-part.ts'
import { editorDefault } from './editor-default.ts'
import { switchToEnvironment } from './environment-switch.ts'
import { openImport } from './import-section.ts'
import { sayProblem, writeInput } from './input.ts'
import { crossProblems, describe, problemsOf, type Surroundings, type ValueProblem, type Values } from './problems.ts'
import { addStyle } from './style.ts'
import { openTable } from './table-control.ts'

/** A node as the editor keeps it: its properties beside Node-RED's own. */
export interface EditedNode {
  name?: string
  credentials?: { readonly [name: string]: unknown }
  [property: string]: unknown
}

/** One field in the open dialog. */
export interface Control {
  read(): unknown
  /** Enters a value, as a user would. */
  write?(value: unknown): void
  /** Called when the control may have become visible. */
  shown?(): void
  /** Shows the line that is wrong; none where nothing is. */
  mark?(problem: ValueProblem | undefined): void
  close?(): void
}

/** An open edit dialog: it shows what is wrong beside each field, and only the fields that matter. */
export class Form {
  readonly #declaration: NodeDeclaration
  readonly #node: EditedNode
  readonly #around: Surroundings
  readonly #root: JQuery
  readonly #controls: { readonly [field: string]: Control }
  readonly #part: ReturnType<DialogPart['open']> | undefined

  constructor(declaration: NodeDeclaration, node: EditedNode, around: Surroundings, part?: DialogPart) {
    addStyle()
    this.#declaration = declaration
    this.#node = node
    this.#around = around
    this.#root = $('.rowline-form').last()
    const update = () => this.#update()
    const stored = withIds(declaration.fields, node)
    this.#controls = Object.fromEntries(
      Object.entries(declaration.fields).map(([name, field]) => [name, this.#open(name, field, stored, update)]),
    )
    this.#root.on('input change', update)
    this.#root.on('click keydown', '.rowline-explain', explain)
    const { importer } = declaration
    if (importer) {
      openImport(this.#root.find('.rowline-import'), importer, around.texts, (name, value) => this.#write(name, value))
    }
    this.#part = part?.open(
      this.#root.find('.rowline-part'),
      {
        id: node.id as string | undefined,
        type: declaration.type,
        values: () => this.values(),
        write: (name, value) => this.#write(name, value),
        say: (problem) => translated(problem, around.texts),
      },
      (key) => around.texts(`part.${key}`),
    )
    this.#root.find('details').on('toggle', () => this.#each((control) => control.shown?.()))
    this.#update()
    this.#root.find('.rowline-advanced').prop('open', this.#root.find('.rowline-advanced .rowline-wrong').length > 0)
  }

  /** What is entered now. */
  values(): Values {
    return Object.fromEntries(Object.entries(this.#controls).map(([name, control]) => [name, control.read()]))
  }

  /** What Node-RED does not read itself. */
  save(): void {
    const { fields } = this.#declaration
    const tables = Object.keys(fields).filter((name) => fields[name]!.kind === 'table')
    const values = Object.fromEntries(tables.map((name) => [name, this.#controls[name]!.read()]))
    Object.assign(this.#node, withSlots(fields, values))
  }

  close(): void {
    this.#each((control) => control.close?.())
    this.#part?.close?.()
  }

  /** A property that is absent from the flow is shown as the default it means. */
  #open(name: string, field: Field<unknown>, node: Values, changed: () => void): Control {
    const row = this.#row(name)
    if (field.kind === 'table') {
      const begun = { ...field, required: field.required && !isControlled(this.#declaration.controlled, node) }
      return openTable(begun, row, node[name], this.#around.texts('form.addRow'), changed)
    }
    const value = node[name] ?? editorDefault(field)
    if (field.kind === 'code') return openCode(row, field.language, changed)
    if (field.kind === 'choice' || field.kind === 'flag') {
      return switchToEnvironment(row, value, this.#around.texts, changed)
    }
    const input = row.find<HTMLInputElement>(`[id$="-${name}"]`)
    if (field.kind !== 'node' && field.kind !== 'secret') writeInput(input, value)
    // "_ADD_" is Node-RED's entry for no node.
    return {
      read: () => (field.kind === 'node' && input.val() === '_ADD_' ? '' : input.val()),
      write: (entered) => writeInput(input, entered),
    }
  }

  #write(name: string, value: unknown): void {
    this.#controls[name]?.write?.(value)
    this.#update()
  }

  #each(visit: (control: Control) => void): void {
    Object.values(this.#controls).forEach(visit)
  }

  #row(name: string): JQuery {
    return this.#root.find(`[data-field="${name}"]`)
  }

  #update(): void {
    const values = this.values()
    const across = crossProblems(this.#declaration, values, this.#around.texts)
    for (const [name, field] of Object.entries(this.#declaration.fields)) {
      this.#showProblem(name, field, values[name], across[name])
      this.#row(name).toggle(isWanted(field, this.#declaration.fields, values))
    }
    this.#part?.changed()
  }

  #showProblem(name: string, field: Field<unknown>, value: unknown, across: ValueProblem | undefined): void {
    const row = this.#row(name)
    const own = problemsOf(field, value, this.#around)
    const problems = own.length === 0 && across ? [across] : own
    const text = describe(problems, name, this.#around.texts)
    this.#controls[name]?.mark?.(problems.find(({ line }) => line !== undefined))
    row.toggleClass('rowline-wrong', text !== '')
    sayProblem(row, row.find(`[id$="-input-${name}"]`), text)
    row.find('[data-column]').removeClass('input-error')
    for (const { row: index, column } of problems) {
      row
        .find('.rowline-rows [data-cells]')
        .eq(index ?? -1)
        .find(`[data-column="${column}"]`)
        .addClass('input-error')
    }
  }
}

/** Shown unless the field it depends on is hidden, or has a plain value that is not among the wanted ones. */
function isWanted({ when }: Field<unknown>, fields: Fields, values: Values): boolean {
  if (when === undefined) return true
  const value = values[when.field]
  const isMet = hasReference(value) || when.values.some((wanted) => String(wanted) === String(value))
  return isMet && isWanted(fields[when.field]!, fields, values)
}

function explain(this: HTMLElement, event: JQuery.TriggeredEvent): void {
  if (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ') return
  event.preventDefault()
  const note = $(this).closest('.rowline-row').find('.rowline-note')
  note.prop('hidden', !note.prop('hidden'))
}
