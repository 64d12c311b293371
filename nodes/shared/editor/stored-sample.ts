import type { Sampled } from '../../../src/mqtt/sample-limits.ts'
import { encodings, type PreviewSample, previewSample } from './preview-sample.ts'

const key = 'rowline-sample'

/** The last message, for the next dialog: a flow is looked at node by node. */
export function storedSample(): PreviewSample {
  const [topic = '', payload = '', encoding = 'text'] = JSON.parse(sessionStorage.getItem(key) ?? '[]') as string[]
  return { topic, payload, encoding: encodings.find((each) => each === encoding) ?? 'text' }
}

export function storeSample({ topic, payload, encoding }: PreviewSample): void {
  sessionStorage.setItem(key, JSON.stringify([topic, payload, encoding]))
}

/** What came from a broker. Open dialogs hear of it. */
export function storeSampled(sampled: Sampled): void {
  const sample = previewSample(sampled)
  if (sample === undefined) return
  storeSample(sample)
  window.dispatchEvent(new Event(key))
}

/** Each node type has a script of its own: only the page can pass it on. Returns what ends it. */
export function onStoredSample(hear: () => void): () => void {
  window.addEventListener(key, hear)
  return () => window.removeEventListener(key, hear)
}
