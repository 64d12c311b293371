import { fillText, Problem } from '../../../src/core/problem.ts'
import { readTableImport, type TableImport } from '../../../src/rows/import-table.ts'
import { applyToFlow, cancelTrays, type FlowNode, flowEditor, freeLine } from './editor-flow.ts'
import { addMenuEntry } from './main-menu.ts'
import { addStyle } from './style.ts'
import { type Chain, planImport } from './table-plan.ts'

/** In the user's language. */
export interface Words {
  texts(key: string): string
  say(problem: Problem): string
}

/** *Import table…* in the main menu and the list of actions. */
export function registerImportTable(words: Words): void {
  addMenuEntry('import-table', words.texts('import'), () => openImportDialog(words))
}

/** Dialogs that are open are left first, as by Cancel. `schemaId`: the schema whose nodes are offered first. */
export function openImportDialog(words: Words, schemaId?: string): void {
  cancelTrays(() => new ImportDialog(words, schemaId))
}

class ImportDialog {
  readonly #words: Words
  readonly #chains: readonly Chain[]
  readonly #schemaId: string | undefined
  readonly #text = $<HTMLTextAreaElement>('<textarea rows="14" spellcheck="false" autocomplete="off">')
  readonly #into = $<HTMLSelectElement>('<select>')
  readonly #list = $('<ul role="status">')
  readonly #root = $('<div class="rowline-table-dialog rowline-import">')
  #isChosen = false

  constructor(words: Words, schemaId: string | undefined) {
    addStyle()
    this.#words = words
    const { texts } = words
    this.#schemaId = schemaId
    this.#chains = chainsOnFlow()
    this.#offerTargets()
    const into = $('<label>').append($('<span>').text(texts('into')), ' ', this.#into)
    this.#root.append($('<div class="rowline-note">').text(texts('importNote')), this.#text, into, this.#list)
    this.#text.on('input', () => this.#suggest())
    this.#into.on('change', () => {
      this.#isChosen = true
    })
    this.#root.dialog({
      title: texts('importing'),
      modal: true,
      width: 640,
      buttons: [
        { text: texts('close'), click: () => this.#root.dialog('close') },
        { text: texts('apply'), class: 'primary rowline-apply', click: () => this.#import() },
      ],
      close: () => this.#root.dialog('destroy').remove(),
    })
  }

  #offerTargets(): void {
    const name = (node: FlowNode) => flowEditor().utils.getNodeLabel(node, node.id)
    const option = (value: string, text: string) => $('<option>').val(value).text(text).appendTo(this.#into)
    option('', this.#words.texts('intoNew'))
    for (const [i, { input, decoder }] of this.#chains.entries())
      option(String(i), fillText(this.#words.texts('intoChain'), { input: name(input), decoder: name(decoder) }))
    this.#suggest()
  }

  /** The nodes of the same table, or of the schema that the user comes from. */
  #suggest(): void {
    if (this.#isChosen) return
    const table = this.#read()
    const named = (schema: FlowNode) => !(table instanceof Problem) && schema.name === table.name
    const found = this.#chains.findIndex(
      ({ schema }) => schema !== undefined && (schema.id === this.#schemaId || named(schema)),
    )
    this.#into.val(found < 0 ? '' : String(found))
  }

  #read(): TableImport | Problem {
    return readTableImport(String(this.#text.val() ?? ''))
  }

  #import(): void {
    this.#list.empty()
    const table = this.#read()
    const { workspaces } = flowEditor()
    if (table instanceof Problem) this.#say(this.#words.say(table), true)
    else if (workspaces.isLocked?.()) this.#say(this.#words.texts('locked'), true)
    else this.#apply(table)
  }

  #apply(table: TableImport): void {
    const { nodes, workspaces, utils } = flowEditor()
    const flow = workspaces.active()
    const chosen = String(this.#into.val() ?? '')
    const chain = chosen === '' ? undefined : this.#chains[Number(chosen)]
    const plan = planImport(table, chain, { flow, y: freeLine(flow), newId: () => nodes.id() })
    applyToFlow(plan.added, plan.changes)
    const name = (node: FlowNode) => `${node.type} ${utils.getNodeLabel(node, '')}`.trim()
    for (const { id } of plan.added) this.#say(fillText(this.#words.texts('created'), { node: name(nodes.node(id)!) }))
    for (const { node } of plan.changes) this.#say(fillText(this.#words.texts('updated'), { node: name(node) }))
    for (const notice of table.notices) this.#say(notice instanceof Problem ? this.#words.say(notice) : notice, true)
    this.#root.parent().find('.rowline-apply').prop('disabled', true)
  }

  #say(text: string, wrong = false): void {
    $('<li>').text(text).toggleClass('rowline-wrong', wrong).appendTo(this.#list)
  }
}

/** An `mqtt v3 in` on the open flow that a row decoder reads directly. */
function chainsOnFlow(): readonly Chain[] {
  const { nodes, workspaces } = flowEditor()
  const chains: Chain[] = []
  const nodeAt = (id: unknown) => (typeof id === 'string' ? (nodes.node(id) ?? undefined) : undefined)
  nodes.eachLink(({ source: input, sourcePort, target: decoder }) => {
    const isChain = input.type === 'mqtt-v3-in' && decoder.type === 'row-decoder' && sourcePort === 0
    if (isChain && input.z === workspaces.active())
      chains.push({ input, decoder, source: nodeAt(input.source), schema: nodeAt(decoder.schema) })
    return true
  })
  return chains
}
