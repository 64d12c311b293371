export interface SampleLimits {
  readonly messages: number
  readonly ms: number
  /** Of a payload; the rest is cut off. */
  readonly payloadBytes: number
}

export const sampleLimits: SampleLimits = { messages: 20, ms: 10_000, payloadBytes: 64 << 10 }

/** One message as it came by. */
export interface Sampled {
  readonly topic: string
  /** Its text, or the beginning of it; of bytes that are no UTF-8 the beginning in hexadecimal. */
  readonly payload: string
  readonly bytes: number
  readonly isText: boolean
  readonly isCut: boolean
}
