import type { StepTexts } from '../../core/steps.ts'

export const pubsubSteps: StepTexts = {
  pubsub: 'Pub/Sub of {project} at {address}',
  'pubsub-passed': 'reached',
  'pubsub-unlisted':
    'Reached. This account may not list topics, which is no harm: whether it may publish, the sink tells.',
  'pubsub-skipped': 'Not asked: there is no access, or no sink uses it.',
}
