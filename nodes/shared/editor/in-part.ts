import { fillText } from '../../../src/core/problem.ts'
import type { Sampled } from '../../../src/mqtt/sample-limits.ts'
import type { DialogPart } from './dialog-part.ts'
import { handOver, openSample, payloadLines, type SampleSource } from './sample.ts'
import { offerTopics, offerTopicsToCore } from './topics.ts'

type Texts = (key: string) => string

const longest = 300

/** *Sample from broker* below the fields of an `mqtt-v3-in`. */
export const part: DialogPart = {
  register: offerTopicsToCore,
  open(section, form, texts) {
    const list = $('<ol class="rowline-samples">')
    const infer = $('<button type="button" class="red-ui-button rowline-infer">').text(texts('infer')).hide()
    const next = $('<div class="rowline-note rowline-said rowline-next" role="status">').text(texts('next')).hide()
    let samples: readonly Sampled[] = []
    const { line, close } = openSample(texts, () => form.values() as unknown as SampleSource, {
      started: () => {
        samples = []
        list.empty()
        infer.hide()
        next.hide()
      },
      arrived: (sample) => {
        samples = [...samples, sample]
        list.append(itemOf(sample, texts))
        infer.toggle(payloadLines(samples).length > 0)
      },
    })
    infer.on('click', () => {
      handOver(samples)
      next.show()
      // Without a prefix: no field of this form gets the new node.
      RED.editor.editConfig('', 'row-schema', '_ADD_', '')
    })
    section
      .empty()
      .append(line.append(infer), next, $('<div class="rowline-note rowline-said">').text(texts('sampleNote')), list)
    offerTopics(
      section,
      () => form.values().source,
      () => samples.map(({ topic }) => topic),
    )
    return { changed: () => {}, close }
  },
}

function itemOf({ topic, payload, bytes, isText, isCut }: Sampled, texts: Texts): JQuery {
  const values = { bytes: String(bytes), payload }
  const shown = isText ? payload.slice(0, longest) : fillText(texts('binary'), values)
  const cut = isCut ? ` (${fillText(texts('cut'), values)})` : payload.length > longest ? '…' : ''
  return $('<li>').append($('<div>').text(topic), $('<div class="rowline-more">').text(shown + cut))
}
