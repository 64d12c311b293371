import { fillText, Problem, translated } from '../../../src/core/problem.ts'
import { guessSystem, type MigratedLine, type Migration, migrate } from '../../../src/migration/migrate.ts'
import { placeParts } from '../../../src/migration/node-fields.ts'
import { type Place, type SinkType, type System, sinkTypes } from '../../../src/migration/option.ts'
import { type PastedTable, readPasted } from '../../../src/migration/pasted.ts'
import { systems } from '../../../src/migration/systems.ts'
import { applyToFlow, cancelTrays, flowEditor, freeLine } from './editor-flow.ts'
import { addMenuEntry } from './main-menu.ts'
import { planMigration } from './migration-plan.ts'
import { addStyle } from './style.ts'

type Texts = (key: string) => string

interface Words {
  readonly texts: Texts
  /** Those of another node type. */
  textsOf(type: string): Texts
}

const pasteable = systems.filter(({ importedBy }) => importedBy === 'nodes')
let words: Words | undefined

/** *Import settings of another program…* in the main menu and the list of actions. May be called twice. */
export function registerMigration(texts: Texts, textsOf: (type: string) => Texts): void {
  words = { texts, textsOf }
  addMenuEntry('import-settings', texts('import'), openMigrationDialog)
}

/** Dialogs that are open are left first, as by Cancel. */
export function openMigrationDialog(): void {
  const known = words
  if (known !== undefined) cancelTrays(() => new MigrationDialog(known))
}

class MigrationDialog {
  readonly #words: Words
  readonly #text = $<HTMLTextAreaElement>('<textarea rows="14" spellcheck="false" autocomplete="off">')
  readonly #system = $<HTMLSelectElement>('<select class="rowline-system">')
  readonly #sink = $<HTMLSelectElement>('<select class="rowline-sink">')
  readonly #list = $('<ul role="status">')
  readonly #root = $('<div class="rowline-migration rowline-import">')
  #isChosen = false

  constructor(words: Words) {
    addStyle()
    this.#words = words
    const { texts, textsOf } = words
    for (const { key } of pasteable)
      $('<option>')
        .val(key)
        .text(texts(`system-${key}`))
        .appendTo(this.#system)
    for (const type of sinkTypes) $('<option>').val(type).text(textsOf(type)('label')).appendTo(this.#sink)
    this.#sink.val('kafka-sink')
    const choice = (key: string, select: JQuery) => $('<label>').append($('<span>').text(texts(key)), ' ', select)
    const choices = $('<div class="rowline-view">').append(choice('of', this.#system), choice('to', this.#sink))
    this.#root.append($('<div class="rowline-note">').text(texts('importNote')), this.#text, choices, this.#list)
    this.#text.on('input', () => this.#suggest())
    this.#system.on('change', () => {
      this.#isChosen = true
      this.#showSinks()
    })
    this.#showSinks()
    this.#open()
  }

  #open(): void {
    const { texts } = this.#words
    this.#root.dialog({
      title: texts('importing'),
      modal: true,
      width: 720,
      buttons: [
        { text: texts('close'), click: () => this.#root.dialog('close') },
        { text: texts('apply'), class: 'primary rowline-apply', click: () => this.#import() },
      ],
      close: () => this.#root.dialog('destroy').remove(),
    })
  }

  #chosen(): System {
    return pasteable.find(({ key }) => key === this.#system.val()) ?? pasteable[0]!
  }

  #showSinks(): void {
    this.#sink.closest('label').toggle(this.#chosen().sinks.length === 0)
  }

  #suggest(): void {
    const pasted = this.#isChosen ? undefined : readPasted(String(this.#text.val() ?? ''))
    const found = pasted === undefined || pasted instanceof Problem ? undefined : guessSystem(pasteable, pasted)
    if (found !== undefined) this.#system.val(found.key)
    this.#showSinks()
  }

  #import(): void {
    this.#list.empty()
    const { texts } = this.#words
    const text = String(this.#text.val() ?? '')
    const pasted = readPasted(text)
    if (/^\s*CREATE\b.*\bTABLE\b/im.test(text)) this.#say('', texts('isTable'), true)
    else if (pasted instanceof Problem) this.#say('', translated(pasted, this.#words.textsOf('mqtt-v3-source')), true)
    else if (flowEditor().workspaces.isLocked?.()) this.#say('', texts('locked'), true)
    else this.#apply(pasted)
  }

  #apply(pasted: PastedTable): void {
    const system = this.#chosen()
    const sinks = system.sinks.length > 0 ? system.sinks : [String(this.#sink.val()) as SinkType]
    const migration = migrate(system, sinks, pasted)
    if (!migration.lines.some(({ outcome }) => outcome === 'applied')) {
      this.#say('', this.#words.texts('nothing'), true)
      this.#sayLines(migration)
      return
    }
    const { nodes, workspaces } = flowEditor()
    const flow = workspaces.active()
    const added = planMigration(migration, { flow, y: freeLine(flow), newId: () => nodes.id() })
    applyToFlow(added, [])
    this.#sayLines(migration)
    for (const { id, type } of added) this.#sayNode(id, type)
    this.#root.parent().find('.rowline-apply').prop('disabled', true)
  }

  #sayLines({ lines }: Migration): void {
    for (const line of lines)
      this.#say(line.key, this.#describe(line), line.outcome === 'refused' || line.outcome === 'unknown')
  }

  #describe(line: MigratedLine): string {
    const { texts, textsOf } = this.#words
    if (line.outcome === 'applied') {
      const said = fillText(texts('applied'), { places: line.places.map(this.#label).join(', ') })
      return line.notice === undefined ? said : `${said}. ${texts(`notice-${line.notice}`)}`
    }
    if (line.outcome === 'elsewhere') return fillText(texts('elsewhere'), { place: this.#label(line.place) })
    if (line.outcome === 'unknown') return texts('unknown')
    if (line.outcome === 'noted') {
      const [, kafka] = /^kafka:(.*)$/.exec(line.notice) ?? []
      return kafka === undefined ? texts(`notice-${line.notice}`) : textsOf('kafka-cluster')(`import.notice.${kafka}`)
    }
    const place = line.place === undefined ? '' : this.#label(line.place)
    return fillText(texts('notTaken'), { place, problem: translated(line.problem, this.#textsAt(line.place)) })
  }

  /** Of the node type; this dialog belongs to mqtt-v3-source, and what every sink has a file sink has. */
  #textsAt(place: Place | undefined): Texts {
    const type = place === undefined ? 'mqtt-v3-source' : placeParts(place).type
    return this.#words.textsOf(type === 'sink' ? 'file-sink' : type)
  }

  readonly #label = (place: Place): string => {
    const { type, property, column } = placeParts(place)
    const texts = this.#textsAt(place)
    const field =
      property === 'name' ? 'form.name' : `field.${property}${column === undefined ? '' : `.column.${column}`}.label`
    return `${type === 'sink' ? this.#words.texts('everySink') : texts('label')} › ${texts(field)}`
  }

  /** A new node, and what is still to be filled in. */
  #sayNode(id: string, type: string): void {
    const node = flowEditor().nodes.node(id)
    if (node === null) return
    flowEditor().editor.validateNode(node)
    const name = this.#words.textsOf(type)('label')
    const wrong = node.validationErrors ?? []
    this.#say('', fillText(this.#words.texts('created'), { node: name }))
    for (const reason of wrong) this.#say('', fillText(this.#words.texts('missing'), { node: name, reason }), true)
  }

  #say(key: string, text: string, wrong = false): void {
    const line = $('<li>').toggleClass('rowline-wrong', wrong)
    if (key !== '') line.append($('<code>').text(key), ' ')
    line.append(document.createTextNode(text)).appendTo(this.#list)
  }
}
