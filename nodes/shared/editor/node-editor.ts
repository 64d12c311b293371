import { isControlled, type NodeDeclaration } from '../../../src/config/declaration.ts'
import type { Field } from '../../../src/config/fields.ts'
import { migrated, retiredOf, storedVersion, versionOf } from '../../../src/config/migrations.ts'
import { slotsOf, withIds, withSlots } from '../../../src/config/table-references.ts'
import type { DialogPart } from './dialog-part.ts'
import { editorDefault } from './editor-default.ts'
import { type FlowNode, flowEditor } from './editor-flow.ts'
import { type EditedNode, Form } from './form.ts'
import { crossProblems, describe, problemsOf, type Surroundings, type Values } from './problems.ts'
import { createSurroundings } from './surroundings.ts'

interface Property {
  readonly value: unknown
  readonly label: string
  readonly type?: string
  /** Must have two parameters: Node-RED takes the text of the reason only from such a function. */
  readonly validate: (this: EditedNode, value: unknown, options?: unknown) => true | string
}

/** The parts of a definition for `RED.nodes.registerType`. `namespace` is the id of the node set. */
export function nodeEditor(declaration: NodeDeclaration, namespace: string, part?: DialogPart) {
  const around = createSurroundings(`${namespace}:${declaration.type}.`)
  const { texts } = around
  const textsOf = (type: string) => createSurroundings(`${namespace.replace(/[^/]+$/, type)}:${type}.`).texts
  part?.register?.((key) => texts(`part.${key}`), textsOf)
  const fields = Object.entries(declaration.fields)
  const isSecret = ([, field]: [string, Field<unknown>]) => field.kind === 'secret'
  const forms = new WeakMap<EditedNode, Form>()
  const close = (node: EditedNode) => {
    forms.get(node)?.close()
    forms.delete(node)
  }
  // While a dialog is open, a rule over several fields has to see what is entered there, not what is stored.
  const valuesOf = (node: EditedNode) => forms.get(node)?.values() ?? storedValues(declaration, node)
  const slots = slotsOf(declaration.fields)
  // Node-RED has counted the users of a node by the properties that it had before.
  const count = (node: FlowNode, action: 'add' | 'remove') => {
    if (slots.length > 0 && node.type === declaration.type) flowEditor().nodes.updateConfigNodeUsers(node, { action })
  }
  RED.events.on('nodes:add', (node: FlowNode) => {
    bringUp(declaration, node)
    count(node, 'add')
  })
  // Also where Node-RED has just taken the same node away from another property.
  RED.events.on('editor:save', (node: FlowNode) => count(node, 'add'))
  RED.events.on('nodes:remove', ({ users = [] }: FlowNode) => {
    for (const user of users) if (user.type === declaration.type) flowEditor().editor.validateNode(user)
  })
  return {
    defaults: Object.fromEntries([
      ['version', { value: versionOf(declaration) }],
      ...retiredOf(declaration).map((name) => [name, {}]),
      ...fields
        .filter((entry) => !isSecret(entry))
        .map(([name]) => [name, property(declaration, name, around, valuesOf)]),
      ...slots.map(({ name, nodeType }) => [name, slot(nodeType)]),
    ]),
    credentials: Object.fromEntries(
      fields.filter(isSecret).map(([name, field]) => [name, { type: field.masked ? 'password' : 'text' }]),
    ),
    label(this: EditedNode) {
      return this.name || labelOf(declaration, this) || texts('label')
    },
    labelStyle(this: EditedNode) {
      return this.name ? 'node_label_italic' : ''
    },
    paletteLabel: () => texts('label'),
    outputLabels: (index: number) => texts(`output.${index}`),
    oneditprepare(this: EditedNode) {
      forms.set(this, new Form(declaration, this, around, part))
    },
    oneditsave(this: EditedNode) {
      const form = forms.get(this)
      count(this as FlowNode, 'remove')
      form?.save()
      count(this as FlowNode, 'add')
      if (form) setPorts(declaration, this, form.values())
      close(this)
    },
    oneditcancel(this: EditedNode) {
      close(this)
    },
    oneditdelete(this: EditedNode) {
      close(this)
    },
  }
}

/** A node of an older flow, as it comes into the editor: from here on it is like one of today. */
function bringUp(declaration: NodeDeclaration, node: EditedNode): void {
  if (node.type !== declaration.type) return
  // Node-RED's wrapper refuses changes on a locked flow.
  const stored = (node.__node__ ?? node) as EditedNode
  if (storedVersion(stored) > versionOf(declaration)) return
  const now = migrated(declaration, ownProperties(declaration, stored))
  for (const name of retiredOf(declaration)) delete stored[name]
  Object.assign(stored, withSlots(declaration.fields, now), { version: versionOf(declaration) })
}

function ownProperties(declaration: NodeDeclaration, node: EditedNode): Values {
  const { fields } = declaration
  const slots = slotsOf(fields).map(({ name }) => name)
  const names = ['version', ...retiredOf(declaration), ...Object.keys(fields), ...slots]
  return Object.fromEntries(names.filter((name) => node[name] !== undefined).map((name) => [name, node[name]]))
}

/** Node-RED takes the wires of an output away that it knows was there (`__outputs`). */
function setPorts({ controlled, outputs }: NodeDeclaration, node: EditedNode, values: Values): void {
  if (!controlled) return
  const isOn = isControlled(controlled, values)
  node.__outputs = node.outputs
  node.inputs = isOn ? 1 : 0
  node.outputs = outputs.length + (isOn ? controlled.outputs.length : 0)
}

function labelOf({ labelField = [] }: NodeDeclaration, node: EditedNode): string {
  const [first = '', ...more] = [labelField].flat().map((name) => String(node[name] ?? ''))
  const values = first === '' ? [] : [first, ...more.filter((value) => value !== '')]
  return values.join(':').replace(/\s+/g, ' ').slice(0, 40)
}

function property(
  declaration: NodeDeclaration,
  name: string,
  around: Surroundings,
  valuesOf: (node: EditedNode) => Values,
): Property {
  const field = declaration.fields[name]!
  const label = around.texts(`field.${name}.label`)
  return {
    value: editorDefault(field),
    label,
    ...(field.nodeType === undefined ? {} : { type: field.nodeType }),
    validate(entered, _options) {
      const chosen = entered === '_ADD_' ? '' : entered
      const value = withIds({ [name]: field }, { ...this, [name]: chosen })[name]
      const reason = describe(problemsOf(field, value, around), name, around.texts)
      const wrong = reason || crossProblems(declaration, { ...valuesOf(this), [name]: value }, around.texts)[name]?.text
      return wrong ? `${label}: ${wrong}` : true
    },
  }
}

/** What is wrong with it is said at the table. */
const slot = (type: string): object => ({ type, required: false, validate: (_id: unknown, _options: unknown) => true })

/** Secrets stay in the runtime; the editor knows at most that there is one, and only after the dialog was open. */
function storedValues({ fields }: NodeDeclaration, node: EditedNode): Values {
  const secret = (name: string) => node.credentials?.[name] ?? (node.credentials?.[`has_${name}`] ? '__PWRD__' : '')
  const stored = withIds(fields, node)
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, field.kind === 'secret' ? secret(name) : stored[name]]),
  )
}
