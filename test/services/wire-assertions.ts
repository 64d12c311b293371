import type { WireEvent } from './wire-proxy.ts'

/** Sentences about what is wrong; none when all is well. */
export type Violations = readonly string[]

/** QoS 1 and 2 messages that the broker sent on one connection, in order, and whose first answer is still missing. */
interface Open {
  readonly puback: number[]
  readonly pubrec: number[]
  readonly pubcomp: number[]
}

const answers = { puback: true, pubrec: true, pubcomp: true }
type Answer = keyof typeof answers

/**
 * PUBACKs leave in the order of their PUBLISHes [MQTT-4.6.0-2], PUBRECs likewise [MQTT-4.6.0-3], PUBCOMPs in the order
 * of the PUBRELs. Answers that nothing on their connection asked for are not judged here.
 */
export function pubacksInPublishOrder(events: readonly WireEvent[]): Violations {
  const violations: string[] = []
  follow(events, (event, open) => {
    const queue = open[event.type as Answer]
    if (queue.includes(event.id!) && queue[0] !== event.id) {
      violations.push(`${label(event)} before that of ${queue[0]} (packet ${event.sequence})`)
    }
  })
  return violations
}

/** No answer on a connection for an id that this connection has not seen, or that it has answered already. */
export function noAckForOldEpoch(events: readonly WireEvent[]): Violations {
  const violations: string[] = []
  follow(events, (event, open) => {
    if (!open[event.type as Answer].includes(event.id!)) {
      violations.push(`${label(event)} without a question (packet ${event.sequence})`)
    }
  })
  return violations
}

/** Ids passed on to the client on this connection as PUBLISH of QoS 1 or 2 and not answered by PUBACK or PUBREC. */
export function inFlight(events: readonly WireEvent[], connection: number): readonly number[] {
  const open = follow(events, () => {}).get(connection)
  return open ? [...open.puback, ...open.pubrec] : []
}

/** The packets of one type in one direction. */
export function packets(events: readonly WireEvent[], type: WireEvent['type'], direction: WireEvent['direction']) {
  return events.filter((event) => event.type === type && event.direction === direction)
}

/** Calls `onAnswer` for each answer of the client before it is taken off its connection's open list. */
function follow(events: readonly WireEvent[], onAnswer: (event: WireEvent, open: Open) => void): Map<number, Open> {
  const connections = new Map<number, Open>()
  for (const event of events) {
    const open = connections.get(event.connection) ?? { puback: [], pubrec: [], pubcomp: [] }
    connections.set(event.connection, open)
    if (event.direction === 'toClient') ask(event, open)
    else if (event.type in answers) {
      onAnswer(event, open)
      const queue = open[event.type as Answer]
      const at = queue.indexOf(event.id!)
      if (at >= 0) queue.splice(at, 1)
    }
  }
  return connections
}

function ask(event: WireEvent, open: Open): void {
  const queue = event.type === 'pubrel' ? open.pubcomp : publishQueue(event, open)
  if (queue && !queue.includes(event.id!)) queue.push(event.id!)
}

function publishQueue(event: WireEvent, open: Open): number[] | undefined {
  if (event.type !== 'publish' || event.qos === 0) return undefined
  return event.qos === 1 ? open.puback : open.pubrec
}

const label = (event: WireEvent) => `connection ${event.connection}: ${event.type} of ${event.id}`
