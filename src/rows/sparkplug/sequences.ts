import type { Row } from '../../core/record.ts'
import { bdSeqOf } from './births.ts'
import type { SparkplugTopic } from './topic.ts'

/** More edge nodes begin anew; a sequence that begins has no gap. */
const mostEdgeNodes = 10_000
const numbers = 256

interface Sequence {
  /** The number that the next message has. */
  next: number
  /** Those left out that have not come late. */
  readonly missing: Set<number>
  bdSeq: number | bigint | undefined
}

/** Counts along with `seq`, which an edge node gives all its messages together, from 0 to 255 and again. */
export class Sequences {
  readonly #sequences = new Map<string, Sequence>()

  /**
   * How many messages are missing right before this one. One that comes again, or late, is no gap. `mayBeOld` as in `Heard`.
   */
  note(topic: SparkplugTopic, seq: number | bigint | undefined, mayBeOld: boolean, metrics: readonly Row[]): number {
    const { type, kind, edgeNode } = topic
    if (kind === 'command') return 0
    const sequence = this.#sequences.get(edgeNode)
    if (type === 'NDEATH') {
      if (!mayBeOld && sequence && isDeathOf(sequence, metrics)) sequence.next = 0
      return 0
    }
    if (typeof seq !== 'number' || seq >= numbers) return 0
    if (mayBeOld && sequence?.next !== seq) return 0
    if (type === 'NBIRTH' || sequence === undefined) {
      this.#begin(edgeNode, seq, type === 'NBIRTH' ? bdSeqOf(metrics) : undefined)
      return 0
    }
    return missingBefore(sequence, seq)
  }

  #begin(edgeNode: string, seq: number, bdSeq: number | bigint | undefined): void {
    if (this.#sequences.size >= mostEdgeNodes && !this.#sequences.has(edgeNode)) this.#sequences.clear()
    this.#sequences.set(edgeNode, { next: (seq + 1) % numbers, missing: new Set(), bdSeq })
  }
}

function isDeathOf({ bdSeq }: Sequence, metrics: readonly Row[]): boolean {
  const its = bdSeqOf(metrics)
  return bdSeq === undefined || its === undefined || its === bdSeq
}

function missingBefore(sequence: Sequence, seq: number): number {
  const { next, missing } = sequence
  if (seq === next && missing.size === 0) {
    sequence.next = (seq + 1) % numbers
    return 0
  }
  if (seq !== next && missing.delete(seq)) return 0
  const left = (seq - next + numbers) % numbers
  // The last one once more.
  if (left === numbers - 1) return 0
  for (let n = 0; n < left; n++) missing.add((next + n) % numbers)
  missing.delete(seq)
  sequence.next = (seq + 1) % numbers
  return left
}
