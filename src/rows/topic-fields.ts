import { choice, table, text } from '../config/fields.ts'
import { filterProblem } from '../core/topic-filter.ts'
import { attributesProblem } from './ignored-attributes.ts'
import { patternProblem } from './topic-pattern.ts'

/** What the topic of a reading says about its row. */
export const topicFields = {
  topicPattern: text({
    label: 'Topic pattern',
    note: 'The parts that every topic must have: text as it is, {name} for one part, {name...} at the end for all that follow. What a name stands for becomes the column of that name, and {topic.name} in the templates of the sinks. Other topics go to output 2.',
    default: '',
    placeholder: 'plant/{site_code}/area1/{pi_tag}',
    check: patternProblem,
  }),
  onMismatch: choice({
    label: 'Topic and payload differ',
    note: 'Where the payload has a column of the topic pattern too, and says something else than the topic: reject sends the reading to output 2, warn counts and logs it and keeps what the payload says.',
    values: ['reject', 'warn'],
    default: 'reject',
    advanced: true,
  }),
  ignoredAttributes: table({
    label: 'Ignored attributes',
    note: 'What is taken out of the rows of certain topics, such as a time that changes with every message. All matching lines count.',
    columns: {
      filter: text({
        label: 'Filter',
        note: 'Of topics, with + and # as in a subscription.',
        placeholder: 'plant/#',
        check: filterProblem,
      }),
      attributes: text({
        label: 'Attributes',
        note: 'Columns, separated by commas; dots lead into sub-rows: timestamp, meta.raw. Lists are not looked into.',
        placeholder: 'timestamp, meta.raw',
        check: attributesProblem,
      }),
    },
    advanced: true,
  }),
}
