import example from '../../../examples/02 MQTT to Kafka.json' with { type: 'json' }
import { cancelTrays, flowEditor } from './editor-flow.ts'
import { addStyle } from './style.ts'

type Texts = (key: string) => string
type ExampleNode = { readonly id: string; readonly type: string }

const action = 'rowline:first-rows'
const menuItem = 'menu-item-rowline-first-rows'

/** *First rows…* in the main menu and the list of actions, and offered to who has just installed the package. */
export function registerFirstRows(texts: Texts): void {
  const { actions, menu } = flowEditor()
  const label = texts('firstRows')
  actions.remove(action)
  actions.add(action, () => openFirstRows(texts), { label })
  menu.removeItem(menuItem)
  menu.addItem('red-ui-header-button-sidemenu', { id: menuItem, label, onselect: action })
  if (isJustInstalled()) offerFirstRows(texts)
}

/** A page that is loading has no flows yet when the nodes come. */
const isJustInstalled = () => flowEditor().workspaces.count() > 0

function offerFirstRows(texts: Texts): void {
  const open = () => {
    notice.close()
    cancelTrays(() => openFirstRows(texts))
  }
  const later = () => notice.close()
  const notice = flowEditor().notify(texts('installed'), {
    type: 'success',
    fixed: true,
    buttons: [
      { text: texts('close'), click: later },
      { text: texts('firstRows'), class: 'primary rowline-offer', click: open },
    ],
  })
}

/** Asks for the two addresses that an example cannot know. */
function openFirstRows(texts: Texts): void {
  addStyle()
  const address = (key: string, value: string) =>
    $<HTMLInputElement>('<input type="text" spellcheck="false" autocomplete="off">')
      .attr('data-address', key)
      .val(value)
  const broker = address('broker', 'localhost')
  const kafka = address('kafka', 'localhost:9092')
  const line = (key: string, input: JQuery) =>
    $('<div class="form-row">').append($('<label>').append($('<span>').text(texts(key)), input))
  const root = $('<div class="rowline-first-rows">').append(
    $('<div class="rowline-note">').text(texts('firstRowsNote')),
    line('broker', broker),
    line('kafka', kafka),
  )
  root.dialog({
    title: texts('firstRowsTitle'),
    modal: true,
    width: 480,
    buttons: [
      { text: texts('close'), click: () => root.dialog('close') },
      {
        text: texts('make'),
        class: 'primary rowline-make',
        click: () => {
          importExample(String(broker.val()).trim(), String(kafka.val()).trim())
          root.dialog('close')
        },
      },
    ],
    close: () => root.dialog('destroy').remove(),
  })
}

/** In a tab of its own, which is shown. It may be there already: all ids are new. */
function importExample(broker: string, brokers: string): void {
  const { nodes, view, workspaces } = flowEditor()
  const [, host = '', port = ''] = /^(.*?)(?::(\d+))?$/.exec(broker) ?? []
  const values: { readonly [type: string]: object } = { 'mqtt-v3-source': { host, port }, 'kafka-cluster': { brokers } }
  const fresh = (example as readonly ExampleNode[]).reduce(
    (text, { id }) => text.replaceAll(id, nodes.id()),
    JSON.stringify(example),
  )
  const flow = JSON.parse(fresh) as readonly ExampleNode[]
  view.importNodes(
    flow.map((node) => ({ ...node, ...values[node.type] })),
    { generateIds: false, addFlow: false },
  )
  workspaces.show(flow.find(({ type }) => type === 'tab')!.id)
}
