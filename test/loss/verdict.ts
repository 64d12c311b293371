import assert from 'node:assert/strict'
import type { Balance } from '../ledger/ledger.ts'
import { noAckForOldEpoch, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import type { Plant } from './plant.ts'

/** Everything is in the target and in order, and the acknowledgements were right. Copies are for the test to judge. */
export function assertComplete({ wire }: Plant, result: Balance): void {
  const { deadLettered, held, lost, lostByBroker = 0, outOfOrder, examples } = result
  assert.deepEqual(
    { deadLettered, held, lost, outOfOrder, examples },
    { deadLettered: 0, held: 0, lost: 0, outOfOrder: 0, examples: [] },
  )
  assert.equal(result.confirmed, result.published - lostByBroker)
  assert.deepEqual(pubacksInPublishOrder(wire.events), [])
  assert.deepEqual(noAckForOldEpoch(wire.events), [])
}
