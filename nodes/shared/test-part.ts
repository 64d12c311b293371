import type { EditorPart } from '../../src/config/editor-part.ts'
import type { StepTexts } from '../../src/core/steps.ts'

/** Words of every part that asks the runtime something. */
export const askTexts = {
  running: 'Please wait…',
  refused: 'Your user may not do this: it needs the permission to change flows.',
  busy: 'Others are testing at the moment. Try again in some seconds.',
  unanswered: 'Node-RED does not answer. Is it running?',
}

const listTexts = {
  yes: 'yes',
  no: 'no',
  none: 'no limit',
  settings: 'Settings',
  early: 'The time was up before the end.',
}

/** *Test connection* in the form of a config node. */
export const testPart = (steps: StepTexts): EditorPart => ({
  module: 'test-part',
  texts: {
    test: 'Test connection',
    passed: 'Everything works.',
    noted: 'It works. Read the remark.',
    failed: 'Something is wrong.',
    ...askTexts,
    ...listTexts,
    ...steps,
  },
})
