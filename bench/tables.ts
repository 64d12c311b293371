import type { Machine } from './machine.ts'

export type Cell = string | number

export const whole = (n: number) => Math.round(n).toLocaleString('en-US')
export const decimal = (n: number) => n.toFixed(n < 10 ? 2 : 1)
export const mark = (reached: boolean) => (reached ? 'reached' : '**missed**')
/** `~` where there is nothing to be had. */
export const some = (n: number | undefined, format: (n: number) => string) =>
  n === undefined || Number.isNaN(n) ? '~' : format(n)

/** Of an error, for a cell. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll('|', '/').split('\n').slice(0, 3).join(' ').slice(0, 300)
}

const row = (cells: readonly Cell[]) => `| ${cells.join(' | ')} |`
export const table = (head: readonly string[], rows: readonly (readonly Cell[])[]) =>
  [row(head), row(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row)].join('\n')

/** The first lines below a report's title. */
export function circumstances(command: string, date: string, machine: Machine): string {
  const { cpu, cores, memoryGiB, kernel, loadAverage, versions, commit } = machine
  return `${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}. Written by \`${command}\`.

Machine: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}; broker, Kafka and the pipeline share it. Load average at the start
${loadAverage.join(' / ')}. ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.`
}
