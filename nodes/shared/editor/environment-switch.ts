import { hasReference } from '../../../src/config/environment.ts'
import type { Control } from './form.ts'
import { readInput, writeInput } from './input.ts'

/**
 * A select or checkbox that can give way to a text input for `${NAME}`. The element Node-RED reads is the one that has
 * the id, so the id moves to whichever is in use.
 */
export function switchToEnvironment(
  row: JQuery,
  stored: unknown,
  texts: (key: string) => string,
  changed: () => void,
): Control {
  const button = row.find('.rowline-environment')
  const control = row.find<HTMLInputElement>('select, input').first()
  const id = control.attr('id') ?? ''
  const text = $<HTMLInputElement>('<input type="text" placeholder="${NAME}">').insertAfter(control)
  const titles = [texts('form.environment'), texts('form.choose')] as const
  let fromEnvironment = false
  const show = (environment: boolean) => {
    fromEnvironment = environment
    control.toggle(!environment).attr('id', environment ? null : id)
    text.toggle(environment).attr('id', environment ? id : null)
    button.toggleClass('selected', environment).attr('title', titles[environment ? 1 : 0])
  }
  const write = (value: unknown) => {
    if (hasReference(value)) text.val(String(value))
    else writeInput(control, value)
    show(hasReference(value))
  }
  write(stored)
  button.on('click', () => {
    show(!fromEnvironment)
    changed()
  })
  return { read: () => readInput(fromEnvironment ? text : control), write }
}
