import type { PipelineError } from '../../core/errors.ts'
import { classifyCall } from '../../google/errors.ts'

/** `topic` is its whole name. */
export const classify = (error: unknown, topic: string): PipelineError =>
  classifyCall(error, `The Pub/Sub topic ${topic}`)
