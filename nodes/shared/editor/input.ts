/** The value of a text input, a select or a checkbox. */
export const readInput = (input: JQuery): unknown => (input.is(':checkbox') ? input.prop('checked') : input.val())

/** A value that is none of the options (such as `${NAME}`) becomes one more option, so that it is not lost. */
export function writeInput(input: JQuery, value: unknown): void {
  if (input.is(':checkbox')) {
    input.prop('checked', value === true || value === 'true')
    return
  }
  const text = String(value ?? '')
  const options = input.find('option').get()
  if (input.is('select') && !options.some((option) => $(option).val() === text)) addOption(input, text, text)
  input.val(text)
}

export function addOption(select: JQuery, value: string, label: string): void {
  $('<option>').val(value).text(label).appendTo(select)
}

/** Says in a row of a form what is wrong with its input; nothing where the text is empty. */
export function sayProblem(row: JQuery, input: JQuery, text: string): void {
  input.toggleClass('input-error', text !== '')
  row
    .find('.rowline-problem')
    .prop('hidden', text === '')
    .text(text)
}
