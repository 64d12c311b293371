import type { Sampled } from '../../../src/mqtt/sample-limits.ts'

export const encodings = ['text', 'hex', 'base64'] as const

/** A message, as it is entered in a preview. */
export interface PreviewSample {
  readonly topic: string
  readonly payload: string
  readonly encoding: (typeof encodings)[number]
}

/** Undefined where only the beginning of the message is known. */
export function previewSample({ topic, payload, bytes, isText, isCut }: Sampled): PreviewSample | undefined {
  const isWhole = !isCut && (isText || payload.length === 2 * bytes)
  return isWhole ? { topic, payload, encoding: isText ? 'text' : 'hex' } : undefined
}
