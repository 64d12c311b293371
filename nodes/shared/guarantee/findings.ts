/** What a pipeline promises, from the weakest on. */
export type DeliveryClass = 'atMostOnce' | 'atLeastOnce' | 'exactlyOnce'

export const classTexts: { readonly [name in DeliveryClass]: string } = {
  atMostOnce: 'at most once',
  atLeastOnce: 'at least once',
  exactlyOnce: 'exactly once into BigQuery',
}

interface Entry {
  /** The pipeline is not better than this because of it; absent: nothing is lost for certain, but may be. */
  readonly limits?: Exclude<DeliveryClass, 'exactlyOnce'>
  /** A sentence whose subject is the node. `{name}` is replaced. */
  readonly text: string
  /** What to do. */
  readonly advice: string
}

/** Everything that the guarantee check can find, in the order in which it is told. */
export const findingTable = {
  qos0: {
    limits: 'atMostOnce',
    text: 'subscribes to {filter} with QoS 0: nobody keeps a reading that is on its way when a connection ends.',
    advice: 'Choose QoS 1 in the row of that topic, and publish with QoS 1.',
  },
  qosGranted: {
    limits: 'atMostOnce',
    text: 'asked for more, but the broker grants only QoS 0 for {filter}.',
    advice: 'Raise the highest QoS that the broker allows, or the rights of this user.',
  },
  clean: {
    limits: 'atMostOnce',
    text: 'has Clean session on: what is published while it is not connected is lost, and so is what is in the flow then.',
    advice: 'Switch Clean session off.',
  },
  onReceipt: {
    limits: 'atMostOnce',
    text: 'acknowledges on receipt: what is in the flow when Node-RED ends is lost.',
    advice: 'Set Acknowledge to afterFlow.',
  },
  noSink: {
    limits: 'atMostOnce',
    text: 'leads to no Rowline sink that stores anything: a reading is acknowledged when the last node says that it is done.',
    advice: 'Wire a sink into the flow.',
  },
  dryRun: {
    limits: 'atMostOnce',
    text: 'only logs in the environment {environment}: readings are acknowledged and not written.',
    advice: 'This is right on a developer’s machine. Elsewhere correct Environment, or the lists below it.',
  },
  outQos0: {
    limits: 'atMostOnce',
    text: 'publishes with QoS 0: nobody confirms a message.',
    advice: 'Choose QoS 1.',
  },
  unconfirmed: {
    limits: 'atMostOnce',
    text: 'is done with a reading before anybody has confirmed it.',
    advice: 'Use a Rowline sink for it, such as mqtt v3 out or file sink.',
  },
  dropOldest: {
    limits: 'atMostOnce',
    text: 'deletes the oldest readings when it is full (drop-oldest).',
    advice: 'Choose block: then they wait at the broker.',
  },
  sendsLate: {
    limits: 'atMostOnce',
    text: 'was seen to send readings after it had said that it was done with them: they were acknowledged before they were safe.',
    advice: 'Put the sink before it, or let it be done after it has sent.',
  },
  triggerKeeps: {
    limits: 'atMostOnce',
    text: 'keeps a reading, says that it is done with it, and sends it later.',
    advice: 'Put the sink before the trigger node.',
  },
  delayDrops: {
    limits: 'atMostOnce',
    text: 'drops readings that come too fast.',
    advice: 'Let it queue them, or wire the sink before it.',
  },
  repeats: {
    limits: 'atLeastOnce',
    text: 'subscribes to {filter} with QoS 1: after a kill or a lost connection the broker sends readings again, and they become rows once more.',
    advice: 'Choose QoS 2, for publisher and subscription.',
  },
  overlap: {
    limits: 'atLeastOnce',
    text: 'and {other} both take {filter} to the same sink: each reading comes twice.',
    advice: 'Give both the same group ($share/group/…), or filters that do not overlap.',
  },
  overlapElsewhere: {
    text: 'and {other} both take {filter} from one broker: each reading goes through both flows.',
    advice: 'Leave it so where that is meant. Otherwise choose filters that do not overlap.',
  },
  expiry: {
    text: 'lets the broker forget the session after {seconds} s: an absence that is longer loses what was published.',
    advice: 'Leave Session expiry empty, or make it longer than any outage.',
  },
  isOff: {
    text: 'is disabled: for Node-RED the wire to it leads nowhere, and the branch to that sink has finished.',
    advice: 'Enable it, or remove it.',
  },
  dynamic: {
    text: 'takes topics by message: their QoS is not known before.',
    advice: 'Subscribe with QoS 1 there, too.',
  },
  rejectedLost: {
    text: 'sends rejected readings to output 2, from where they reach no sink: they are acknowledged and gone.',
    advice: 'Wire a sink there, or remove the wire: without one they go to the dead-letter file.',
  },
  caughtLost: {
    text: 'catches what the flow fails on, and leads to no sink: such readings are acknowledged and gone.',
    advice: 'Wire a sink behind it. Without a Catch node they go to the dead-letter file.',
  },
  skipsErrors: {
    text: 'skips payloads that it cannot read: they are counted, acknowledged and gone.',
    advice: 'Switch Ignore parse errors off: then they go to output 2 or the dead-letter file.',
  },
  givesUp: {
    text: 'gives up after {retries} retries: an outage of the target that is longer than about {time} sends readings to output 2 or to the dead letters.',
    advice: 'Set Retries to 0: then they wait, in the outbox or at the broker.',
  },
  givesUpAtOnce: {
    text: 'gives up with the first failure: any outage of the target sends readings to output 2 or to the dead letters.',
    advice: 'Set When a write fails to retry, and Retries to 0: then they wait, in the outbox or at the broker.',
  },
  routeUnchecked: {
    text: 'has no schema for the route {route}: its readings pass unchecked.',
    advice: 'Add the route to Routes, or correct how it is written there.',
  },
  routeUnknown: {
    text: 'has a schema for the route {route}, which no topic of the mqtt v3 in before it gives.',
    advice: 'Write the route as it is in the topics of mqtt v3 in, or remove the row.',
  },
  sharedBirths: {
    text: 'reads Sparkplug B that is shared out to several connections: a BIRTH that goes to another one leaves the metrics here without names.',
    advice: 'Subscribe without $share/…, and set Connections to 1.',
  },
  functionDrops: {
    text: 'may swallow readings: what it does not return or send is acknowledged.',
    advice: 'Return every message, or send to a second output what is not wanted.',
  },
  functionLate: {
    text: 'may send after it is done: the reading is acknowledged before it is safe.',
    advice: 'Call node.done() after the last node.send().',
  },
  switchDrops: {
    text: 'has no otherwise: what no rule matches, or a rule without a wire takes, is acknowledged and goes no further.',
    advice: 'Add the rule "otherwise" and wire it.',
  },
  filterDrops: {
    text: 'holds back what has not changed: those readings are acknowledged and go no further.',
    advice: 'Wire the sink before it if every reading counts.',
  },
  joinWaits: {
    text: 'holds readings until a group is complete. When that takes longer than Settle timeout they go to the dead letters as well.',
    advice: 'Give it a timeout below Settle timeout.',
  },
  delayLong: {
    text: 'holds readings for longer than Settle timeout ({timeout} ms): they go to the dead letters as well.',
    advice: 'Shorten the delay, or raise Settle timeout of the source.',
  },
  noReturn: {
    text: 'calls a flow that never returns: readings stay there until Settle timeout, then they go to the dead letters.',
    advice: 'End that flow with a link out in mode "return".',
  },
  callsAnything: {
    text: 'calls the flow that the message names: where that leads is not known before.',
    advice: 'Choose a fixed target.',
  },
  outAway: {
    text: 'never finishes with a reading while its broker is away: after Settle timeout it goes to the dead letters.',
    advice: 'Use mqtt v3 out, which keeps it.',
  },
  thirdParty: {
    text: 'is not known here: it alone says when it is done, and whether its target has confirmed anything by then.',
    advice: 'Look up whether it waits for a confirmation. Keep the reading in a sink before it if not.',
  },
  oneReplica: {
    text: 'writes to topics with one replica ({topics}): when its broker is lost, what such a topic has confirmed is lost.',
    advice: 'Create such topics with three replicas.',
  },
  oneInSync: {
    text: 'writes to topics with min.insync.replicas=1 ({topics}): they confirm what a single broker has, and lose it with that broker.',
    advice: 'Set min.insync.replicas to 2.',
  },
  killRepeats: {
    text: 'writes each reading of its outbox once. A kill between storing and acknowledging lets the broker send a reading again.',
    advice: 'Keep {id} or the time of the reading in a column where even this counts.',
  },
  brokerQueue: {
    text: 'leaves readings with the broker while it is not connected: most brokers drop what is over a limit of their queue, mosquitto without a word after 1,000 messages, unless told otherwise.',
    advice:
      'Raise it at the broker. In mosquitto: max_queued_messages 0, and max_queued_bytes as large as there is room for.',
  },
} as const satisfies { readonly [code: string]: Entry }

export type FindingCode = keyof typeof findingTable
export const findingCodes = Object.keys(findingTable) as FindingCode[]

export const entryOf = (code: FindingCode): Entry => findingTable[code]

/** Something at a node that keeps a pipeline from being better, or may. */
export interface Finding {
  readonly code: FindingCode
  /** The id of the node, as it runs. */
  readonly node: string
  /** What fills the text. */
  readonly values: { readonly [name: string]: string }
}
