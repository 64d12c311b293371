import { type ConfigOf, duration, type FieldProblem, integer, table, text } from '../config/fields.ts'

const mostLabels = 5

const pathProblem = (path: string) =>
  path.split('.').includes('') ? 'must be names of columns with single dots between them' : undefined

export const gaugeFields = {
  valueColumn: text({
    label: 'Value column',
    note: 'The column whose number is shown. Dots lead into sub-rows: metadata.level.',
    placeholder: 'measurement',
    check: pathProblem,
  }),
  metric: text({
    label: 'Metric',
    note: 'Its name in Prometheus. Left empty, that of the value column.',
    default: '',
    placeholder: 'measurement',
  }),
  labels: table({
    label: 'Labels',
    note: 'Columns that tell the readings apart, at most five: each combination of their values is a series of its own.',
    columns: {
      column: text({
        label: 'Column',
        note: 'Of text, numbers or true and false. Dots lead into sub-rows.',
        placeholder: 'metadata.siteId',
        check: pathProblem,
      }),
      label: text({
        label: 'Label',
        note: 'Its name in Prometheus. Left empty, that of the column.',
        default: '',
        placeholder: 'siteId',
      }),
    },
  }),
  maxSeries: integer({
    label: 'Most series',
    note: 'A reading that would begin a further series is not shown. It counts as done, and the node warns and counts it. Each series costs memory here and in Prometheus.',
    default: 1000,
    min: 1,
    max: 10_000,
    advanced: true,
  }),
  expiryMs: duration({
    label: 'Show for',
    note: 'A series that had no reading for so long is no longer shown. 0: for ever.',
    default: 0,
    min: 0,
    max: 2_592_000_000,
    advanced: true,
  }),
}

export type GaugeConfig = ConfigOf<typeof gaugeFields>

export const lastName = (path: string): string => path.split('.').at(-1)!

export const metricOf = ({ metric, valueColumn }: GaugeConfig): string => metric || lastName(valueColumn)

/** The names that Prometheus knows the columns by. */
export const labelNames = ({ labels }: GaugeConfig): readonly string[] =>
  labels.map(({ column, label }) => label || lastName(column))

export function checkGauge(config: GaugeConfig): readonly FieldProblem[] {
  const names = labelNames(config)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  const problems = [
    ['metric', metricProblem(metricOf(config))],
    ['labels', names.map(labelProblem).find((problem) => problem !== undefined)],
    ['labels', names.length > mostLabels ? `has ${names.length} rows; at most ${mostLabels} can be labels` : undefined],
    ['labels', twice && `gives two columns the label ${twice}`],
  ] as const
  return problems.flatMap(([field, problem]) => (problem === undefined ? [] : [{ field, text: problem }]))
}

function metricProblem(name: string): string | undefined {
  if (!/^[A-Za-z_:][\w:]*$/.test(name))
    return `"${name}" cannot be a metric: letters, digits, _ and :, and no digit first`
  // prom-client keeps its metrics in a plain object.
  if (name in Object.prototype) return `"${name}" is a name of JavaScript; take another`
  return name.startsWith('rowline_')
    ? 'must not begin with rowline_: those are the metrics of Rowline itself'
    : undefined
}

const labelProblem = (name: string): string | undefined =>
  /^(?!__)[A-Za-z_]\w*$/.test(name)
    ? undefined
    : `"${name}" cannot be a label: letters, digits and _, no digit and no __ first`
