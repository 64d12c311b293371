import { fillText } from '../../../src/core/problem.ts'
import type { Step, StepValues } from '../../../src/core/steps.ts'

type Texts = (key: string) => string

const styleId = 'rowline-steps-style'
const css = `
.rowline-ask { display: flex; gap: 10px; align-items: center; margin-top: 14px; flex-wrap: wrap; }
.rowline-ask + .rowline-said { margin-top: 8px; }
.rowline-said { font-size: 12px; color: var(--red-ui-secondary-text-color); }
.rowline-said.rowline-wrong { color: var(--red-ui-text-color-error); }
.rowline-form .rowline-steps { margin: 10px 0 0; padding: 0; list-style: none; font-size: 13px; line-height: 1.4; }
.rowline-steps > li { display: grid; grid-template-columns: 20px minmax(0, 1fr); margin-bottom: 5px; overflow-wrap: anywhere; }
.rowline-form .rowline-samples { margin: 8px 0 0; padding: 0; list-style: none; font: 12px/1.4 var(--red-ui-monospace-font, monospace); max-height: 260px; overflow: auto; }
.rowline-samples > li { margin-bottom: 6px; overflow-wrap: anywhere; }
.rowline-samples .rowline-more { color: var(--red-ui-secondary-text-color); }
.rowline-ask > select { width: auto; max-width: 50%; margin: 0; }
.rowline-steps > li > i { padding-top: 3px; color: var(--red-ui-secondary-text-color); }
.rowline-steps .rowline-more { font-size: 12px; color: var(--red-ui-secondary-text-color); white-space: pre-line; }
.rowline-steps > [data-state="passed"] > i { color: var(--red-ui-text-color-success); }
.rowline-steps > [data-state="noted"] > i { color: var(--red-ui-text-color-warning); }
.rowline-steps > [data-state="failed"] > i, .rowline-steps > [data-state="failed"] .rowline-more { color: var(--red-ui-text-color-error); }
`

const icons: { readonly [state in Step['state']]: string } = {
  running: 'fa-spinner fa-spin',
  passed: 'fa-check-circle',
  noted: 'fa-exclamation-triangle',
  skipped: 'fa-minus-circle',
  failed: 'fa-times-circle',
}

export function addStepStyle(): void {
  if ($(`#${styleId}`).length === 0) $('<style>', { id: styleId }).text(css).appendTo('head')
}

/** Shows a step in the place of the one that ran, if that is the last. */
export function showStep(list: JQuery, step: Step, texts: Texts): void {
  const words = wordsOf(step.values, texts)
  const more =
    step.problem ?? (step.state === 'running' ? '' : textOf(`${step.step}-${step.text ?? step.state}`, texts))
  const item = $('<li>')
    .attr({ 'data-step': step.step, 'data-state': step.state })
    .append(
      $('<i class="fa" aria-hidden="true">').addClass(icons[step.state]),
      $('<div>').append(
        $('<div>').text(fillText(texts(step.step), words)),
        $('<div class="rowline-more">').text(step.problem ? more : fillText(more, words)),
      ),
    )
  const running = list.children('[data-state="running"]').last()
  if (running.attr('data-step') === step.step) running.replaceWith(item)
  else list.append(item)
}

/** A key without a text comes back as it is. */
function textOf(key: string, texts: Texts): string {
  const text = texts(key)
  return text.endsWith(key) ? '' : text
}

function wordsOf(values: StepValues, texts: Texts): { readonly [name: string]: string } {
  const word = (value: StepValues[string]) =>
    typeof value === 'boolean' ? texts(value ? 'yes' : 'no') : value === null ? texts('none') : String(value)
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, word(value)]))
}
