/**
 * Loaded into a process before anything else (`--import`): writes how long each of its fdatasyncs took, in
 * milliseconds, as JSON to the file in ROWLINE_BENCH_SYNC_TIMES when the process ends.
 */
import fs from 'node:fs'

const file = process.env.ROWLINE_BENCH_SYNC_TIMES
if (file !== undefined) {
  const times: number[] = []
  const sync = fs.fdatasync
  fs.fdatasync = Object.assign((fd: number, done: fs.NoParamCallback) => {
    const started = performance.now()
    sync(fd, (error) => {
      times.push(performance.now() - started)
      done(error)
    })
  }, sync)
  process.once('exit', () => fs.writeFileSync(file, JSON.stringify(times)))
}
