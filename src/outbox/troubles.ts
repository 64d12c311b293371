import { messageOf, PipelineError } from '../core/errors.ts'

/** In the order in which they matter to whoever looks at the status. */
const subjects = ['lock', 'write', 'room', 'read', 'housekeeping'] as const
export type Subject = (typeof subjects)[number]

/** What is wrong right now, one error per subject, each until its subject works again. */
export class Troubles {
  readonly #directory: string
  readonly #errors = new Map<Subject, PipelineError>()

  constructor(directory: string) {
    this.#directory = directory
  }

  get worst(): PipelineError | undefined {
    const subject = subjects.find((one) => this.#errors.has(one))
    return subject && this.#errors.get(subject)
  }

  set(subject: Subject, error: PipelineError): void {
    this.#errors.set(subject, error)
  }

  failed(subject: Subject, error: unknown): void {
    this.set(subject, storageError(this.#directory, error))
  }

  clear(subject: Subject): void {
    this.#errors.delete(subject)
  }
}

const operatorCodes = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG'])

/** A failure of the file system, told apart by whether somebody has to change something. */
export function storageError(directory: string, error: unknown): PipelineError {
  if (error instanceof PipelineError) return error
  const { code } = error as NodeJS.ErrnoException
  const kind = code !== undefined && operatorCodes.has(code) ? 'OUTBOX_UNUSABLE' : 'OUTBOX_FAILED'
  return new PipelineError(kind, { path: directory, problem: messageOf(error) }, error)
}
