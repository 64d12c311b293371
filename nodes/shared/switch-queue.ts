import type { FlowMessage, Holder } from './handle.ts'

interface SwitchNode extends Holder {
  send(messages: unknown): void
  error(error: unknown, message?: FlowMessage): void
  warn(error: unknown): void
}

/**
 * The core `switch` node keeps what it receives in a queue, takes one message per turn of the event loop out of it, and
 * never says that it is done with one. But it sends once for each, also when no rule matches (then only nulls), or
 * reports an error: of a rule with the message, of its property as a warning. Returns what has to be told of every
 * message that the node receives. A message that it holds back or drops in another way is not handled.
 */
export function watchSwitch(
  node: Holder,
  onHandled: (message: FlowMessage, error?: unknown) => void,
): (received: FlowMessage) => void {
  const watched = node as SwitchNode
  const queue: FlowMessage[] = []
  const handled = (at: number, error?: unknown) => {
    const [message] = at < 0 ? [] : queue.splice(at, 1)
    if (message) onHandled(message, error)
  }
  const { send, error, warn } = watched
  watched.send = (messages) => {
    send.call(watched, messages)
    const [sent] = [messages].flat(2).filter((each) => each) as FlowMessage[]
    handled(sent ? placeOf(sent, queue) : 0)
  }
  watched.error = (problem, message) => {
    if (message) handled(queue.indexOf(message), problem)
    error.call(watched, problem, message)
  }
  watched.warn = (problem) => {
    handled(0, problem)
    warn.call(watched, problem)
  }
  return (received) => queue.push(received)
}

/** With "recreate message sequences" it sends copies. */
function placeOf(sent: FlowMessage, queue: readonly FlowMessage[]): number {
  const at = queue.indexOf(sent)
  return at >= 0 ? at : queue.findIndex(({ _msgid }) => _msgid === sent._msgid)
}
