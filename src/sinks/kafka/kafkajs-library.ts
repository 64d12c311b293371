import { createRequire } from 'node:module'

export type Library = typeof import('kafkajs')

/** What we know of the library's queue of requests to one broker. */
interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
}

/**
 * Loads the library. Its queue looks for waiting requests every millisecond as long as a connection lasts, with a
 * negative time where no broker has asked it to slow down, which newer Node.js warns of. Here it looks where one waits.
 */
export async function loadKafkajs(): Promise<Library> {
  const { default: library } = await import('kafkajs')
  const queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as {
    readonly prototype: RequestQueue
  }
  lookWhereOneWaits(queue.prototype)
  return library
}

const mended = new WeakSet<RequestQueue>()

function lookWhereOneWaits(queue: RequestQueue): void {
  if (mended.has(queue)) return
  mended.add(queue)
  const schedule = queue.scheduleCheckPendingRequests
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this)
  }
}
