import { statSync } from 'node:fs'

const EVERY_MS = 2000

/**
 * Calls back when one of the files has changed and none has changed since the last look, so that all of a new set are
 * there. It looks at times and sizes, because files that are replaced or linked anew are missed by their watchers.
 * Returns what ends it.
 */
export function watchFiles(files: readonly string[], onChange: () => void, everyMs = EVERY_MS): () => void {
  if (files.length === 0) return () => {}
  let known = stampsOf(files)
  let seen = known
  const timer = setInterval(() => {
    const now = stampsOf(files)
    if (now !== known && now === seen) {
      known = now
      onChange()
    }
    seen = now
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

function stampsOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false })
      return stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino}` : 'none'
    })
    .join()
}
