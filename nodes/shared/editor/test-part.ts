import type { Step } from '../../../src/core/steps.ts'
import { askRuntime, mayAsk } from './ask-runtime.ts'
import type { DialogPart } from './dialog-part.ts'
import { addStepStyle, showStep } from './step-list.ts'

/** *Test connection* in the form of a config node: asks with what is entered there now. */
export const part: DialogPart = {
  open(section, form, texts) {
    addStepStyle()
    const button = $('<button type="button" class="red-ui-button rowline-test">').text(texts('test'))
    const said = $('<span class="rowline-said" role="status">')
    const list = $('<ol class="rowline-steps">')
    section.empty().append($('<div class="rowline-ask">').append(button, said), list)
    const say = (key: string | undefined, wrong = false) =>
      said.text(key === undefined ? '' : texts(key)).toggleClass('rowline-wrong', wrong)
    let breakOff = () => {}
    button.on('click', () => {
      list.empty()
      if (!mayAsk()) return void say('refused', true)
      say('running')
      button.prop('disabled', true)
      const states = new Set<Step['state']>()
      breakOff = askRuntime(
        `test/${form.type}`,
        { id: form.id, values: form.values() },
        {
          line: (line) => {
            states.add((line as Step).state)
            showStep(list, line as Step, texts)
          },
          end: (failure) => {
            button.prop('disabled', false)
            const isEarly = list.children('[data-state="running"]').remove().length > 0
            const isWrong = states.has('failed') || isEarly
            const outcome = isEarly ? 'early' : isWrong ? 'failed' : states.has('noted') ? 'noted' : 'passed'
            say(failure ?? outcome, failure !== undefined || isWrong)
          },
        },
      )
    })
    return { changed: () => {}, close: () => breakOff() }
  },
}
