import { askTexts } from './test-part.ts'

/** Words of *Sample from broker*, wherever it is offered. */
export const sampleTexts = {
  ...askTexts,
  sample: 'Sample from broker',
  sampled: '{count} messages',
  sampledNone: 'No message came by. Retained messages come at once, others when somebody publishes.',
  sampleSource: 'Choose a source first, and enter a topic filter.',
}
