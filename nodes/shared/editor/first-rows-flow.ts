import example from '../../../examples/02 MQTT to Kafka.json' with { type: 'json' }
import type { NodeDeclaration } from '../../../src/config/declaration.ts'
import { type Field, parseField, text } from '../../../src/config/fields.ts'
import { Problem } from '../../../src/core/problem.ts'
import { isTlsPort, splitAddress } from '../../../src/mqtt/broker-address.ts'
import { mqttProblems, sourceFields, subscriptionColumns } from '../../../src/mqtt/config.ts'
import { clusterFields } from '../../../src/sinks/kafka/config.ts'
import { declaration as mqttV3Source } from '../../mqtt-v3-source/declaration.ts'
import { crossProblems, problemsOf } from './problems.ts'

interface Question {
  /** The node type whose catalogue has the sentences about it. */
  readonly type: string
  readonly field: Field<string>
  /** What stands there first. */
  readonly value: string
}

type Name = 'broker' | 'user' | 'password' | 'topic' | 'kafka'
/** As typed. */
export type Answers = { readonly [name in Name]: string }

const addressField = text({
  label: 'MQTT broker',
  note: 'Its address, with a port where it is another one than usual.',
  check: (address) => {
    const { host, port } = splitAddress(address)
    const parsed = [parseField(sourceFields.host, host), parseField(sourceFields.port, port)]
    return parsed.some((each) => each instanceof Problem) ? mqttProblems.of('address') : undefined
  },
})

/** What *First rows…* asks, in this order: what an example cannot know. */
export const questions: { readonly [name in Name]: Question } = {
  broker: { type: 'mqtt-v3-source', field: addressField, value: 'localhost' },
  user: { type: 'mqtt-v3-source', field: sourceFields.user, value: '' },
  password: { type: 'mqtt-v3-source', field: sourceFields.password, value: '' },
  topic: { type: 'mqtt-v3-in', field: subscriptionColumns.filter, value: 'factory_iot/#' },
  kafka: { type: 'kafka-cluster', field: clusterFields.brokers, value: 'localhost:9092' },
}

/** Why the nodes would refuse it. `textsOf` gives the texts of a node type in the user's language. */
export function problemsIn(
  answers: Answers,
  textsOf: (type: string) => (key: string) => string,
): { readonly [name: string]: string } {
  const own = Object.entries(questions).flatMap(([name, { type, field }]) =>
    problemsOf(field, answers[name as Name].trim(), { texts: textsOf(type), referenceProblem: () => undefined }).map(
      ({ text: problem }) => [name, problem] as const,
    ),
  )
  const across = crossProblems(mqttV3Source as unknown as NodeDeclaration, sourceOf(answers), textsOf('mqtt-v3-source'))
  return Object.fromEntries([...Object.entries(across).map(([name, { text: problem }]) => [name, problem]), ...own])
}

/** The answers do not say it otherwise: to that port, user and password would go unencrypted without. */
export const usesTls = ({ broker }: Answers): boolean => isTlsPort(splitAddress(broker).port)

const sourceOf = ({ broker, user, password }: Answers) => ({ ...splitAddress(broker), user: user.trim(), password })

interface FlowPart {
  readonly id: string
  readonly type: string
  readonly name?: string
  readonly info?: string
  readonly subscriptions?: readonly object[]
  readonly [property: string]: unknown
}

/** Example 02 with the answers in it. It may be in the editor already: all ids are new. Secrets are credentials. */
export function firstRowsFlow(answers: Answers, newId: () => string): readonly FlowPart[] {
  const fresh = (example as readonly FlowPart[]).reduce(
    (json, { id }) => json.replaceAll(id, newId()),
    JSON.stringify(example),
  )
  const { host, port, ...secrets } = sourceOf(answers)
  const credentials = secrets.user === '' && secrets.password === '' ? {} : { credentials: secrets }
  return (JSON.parse(fresh) as readonly FlowPart[]).map((node) => {
    if (node.type === 'mqtt-v3-source') return { ...node, host, port, useTls: usesTls(answers), ...credentials }
    if (node.type === 'kafka-cluster') return { ...node, brokers: answers.kafka.trim() }
    if (node.type === 'mqtt-v3-in') return { ...node, subscriptions: withFilter(node, answers.topic.trim()) }
    return node.type === 'comment' ? withAnswers(node, answers) : node
  })
}

const withFilter = ({ subscriptions = [] }: FlowPart, filter: string) =>
  subscriptions.map((row) => ({ ...row, filter }))

/** A comment of the example, which names what stands in it and a topic that it reads. */
function withAnswers(node: FlowPart, { broker, topic, kafka }: Answers): FlowPart {
  const read = topic
    .trim()
    .replace(/^\$share\/[^/]*\//, '')
    .replace(/#$/, 'north/101')
    .replaceAll('+', '101')
  const words: { readonly [found: string]: string } = {
    '`localhost`': `\`${broker.trim()}\``,
    '`localhost:9092`': `\`${kafka.trim()}\``,
    'factory_iot/north/101': read,
    factory_iot_north_101: read.replace(/[^\w.-]/g, '_'),
  }
  const say = (said = '') =>
    said.replace(/`localhost(:9092)?`|factory_iot(?:\/north\/|_north_)101/g, (found) => words[found] ?? found)
  return { ...node, name: say(node.name), info: say(node.info) }
}
