import type { EditorPart } from '../../src/config/editor-part.ts'
import { sampleLimits } from '../../src/mqtt/sample-limits.ts'
import { sampleTexts } from '../shared/sample-texts.ts'

/** *Sample from broker* below the fields. */
export const editorPart: EditorPart = {
  module: 'in-part',
  texts: {
    ...sampleTexts,
    sampleNote: `Reads up to ${sampleLimits.messages} messages in ${sampleLimits.ms / 1000} s beside the running flow: with a client id of its own and QoS 0. The running flow keeps all its readings.`,
    cut: 'cut: {bytes} bytes',
    binary: '{bytes} bytes, no text: {payload}',
    infer: 'Infer schema',
    next: 'After "Add": choose the new schema in "Schema" of the row decoder.',
  },
}
