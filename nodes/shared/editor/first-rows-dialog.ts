import { cancelTrays, flowEditor } from './editor-flow.ts'
import { type Answers, firstRowsFlow, problemsIn, questions, usesTls } from './first-rows-flow.ts'
import { sayProblem } from './input.ts'
import { addMenuEntry } from './main-menu.ts'
import { addStyle } from './style.ts'

type Texts = (key: string) => string
type TextsOf = (type: string) => Texts

/** *First rows…* in the main menu and the list of actions, and offered to who has just installed the package. */
export function registerFirstRows(texts: Texts, textsOf: TextsOf): void {
  const open = () => openFirstRows(texts, textsOf)
  addMenuEntry('first-rows', texts('firstRows'), open)
  if (isJustInstalled()) offerFirstRows(texts, open)
}

/** A page that is loading has no flows yet when the nodes come. */
const isJustInstalled = () => flowEditor().workspaces.count() > 0

function offerFirstRows(texts: Texts, open: () => void): void {
  const accept = () => {
    notice.close()
    cancelTrays(open)
  }
  const later = () => notice.close()
  const notice = flowEditor().notify(texts('installed'), {
    type: 'success',
    fixed: true,
    buttons: [
      { text: texts('close'), click: later },
      { text: texts('firstRows'), class: 'primary rowline-offer', click: accept },
    ],
  })
}

/** Asks what an example cannot know, and says beside each answer why it is wrong. */
function openFirstRows(texts: Texts, textsOf: TextsOf): void {
  addStyle()
  const rows = Object.entries(questions).map(
    ([name, { field, value }]) => [name, rowOf(name, field.masked === true, value, texts)] as const,
  )
  const overTls = $('<div class="rowline-note rowline-over-tls" role="status" hidden>').text(texts('overTls'))
  const root = $('<div class="rowline-form rowline-first-rows">').append(
    $('<div class="rowline-note">').text(texts('firstRowsNote')),
    rows.map(([, row]) => row),
  )
  root.find('[data-field="broker"]').append(overTls)
  const answers = () =>
    Object.fromEntries(rows.map(([name, row]) => [name, String(row.find('input').val() ?? '')])) as unknown as Answers
  const check = () => {
    const problems = problemsIn(answers(), textsOf)
    for (const [name, row] of rows) sayProblem(row, row.find('input'), problems[name] ?? '')
    overTls.prop('hidden', !usesTls(answers()))
    const isWrong = Object.keys(problems).length > 0
    root.parent().find('.rowline-make').prop('disabled', isWrong)
    return !isWrong
  }
  const make = () => {
    if (!check()) return
    importFlow(answers())
    root.dialog('close')
  }
  root.on('input change', check)
  root.dialog({
    title: texts('firstRowsTitle'),
    modal: true,
    width: 560,
    // Node-RED styles inputs only in its own forms and in such a dialog.
    classes: { 'ui-dialog': 'red-ui-editor-dialog' },
    buttons: [
      { text: texts('close'), click: () => root.dialog('close') },
      { text: texts('make'), class: 'primary rowline-make', click: make },
    ],
    close: () => root.dialog('destroy').remove(),
  })
}

function rowOf(name: string, isMasked: boolean, value: string, texts: Texts): JQuery {
  const id = `rowline-first-rows-${name}`
  const input = $('<input spellcheck="false">')
    .attr({ id, type: isMasked ? 'password' : 'text', autocomplete: isMasked ? 'new-password' : 'off' })
    .val(value)
  return $('<div class="rowline-row">')
    .attr('data-field', name)
    .append(
      $('<label>').attr('for', id).text(texts(name)),
      $('<div class="rowline-control">').append(input),
      $('<div class="rowline-problem" role="alert" hidden>'),
    )
}

/** In a tab of its own, which is shown. Node-RED's notice of an import would hide what is to be read there. */
function importFlow(answers: Answers): void {
  const { nodes, view, workspaces } = flowEditor()
  const flow = firstRowsFlow(answers, () => nodes.id())
  view.importNodes(flow, { generateIds: false, addFlow: false, notify: false })
  workspaces.show(flow.find(({ type }) => type === 'tab')!.id)
}
