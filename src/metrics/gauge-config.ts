import { type ConfigOf, duration, type FieldProblem, integer, repeatedIn, table, text } from '../config/fields.ts'
import { Problem } from '../core/problem.ts'

const mostLabels = 5

export const gaugeProblems = Problem.area('gauge', {
  path: 'must be names of columns with single dots between them',
  metric: '"{name}" cannot be a metric: letters, digits, _ and :, and no digit first',
  javascript: '"{name}" is a name of JavaScript; take another',
  ownMetric: 'must not begin with rowline_: those are the metrics of Rowline itself',
  label: '"{name}" cannot be a label: letters, digits and _, no digit and no __ first',
  mostLabels: 'has {rows} rows; at most {most} can be labels',
  labelTwice: 'gives two columns the label {label}',
})

const pathProblem = (path: string) => (path.split('.').includes('') ? gaugeProblems.of('path') : undefined)

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
  const twice = repeatedIn(names)
  const problems = [
    ['metric', metricProblem(metricOf(config))],
    ['labels', names.map(labelProblem).find((problem) => problem !== undefined)],
    [
      'labels',
      names.length > mostLabels ? gaugeProblems.of('mostLabels', { rows: names.length, most: mostLabels }) : undefined,
    ],
    ['labels', twice === undefined ? undefined : gaugeProblems.of('labelTwice', { label: twice })],
  ] as const
  return problems.flatMap(([field, problem]) => (problem === undefined ? [] : [{ field, problem }]))
}

function metricProblem(name: string): Problem | undefined {
  if (!/^[A-Za-z_:][\w:]*$/.test(name)) return gaugeProblems.of('metric', { name })
  // prom-client keeps its metrics in a plain object.
  if (name in Object.prototype) return gaugeProblems.of('javascript', { name })
  return name.startsWith('rowline_') ? gaugeProblems.of('ownMetric') : undefined
}

const labelProblem = (name: string): Problem | undefined =>
  /^(?!__)[A-Za-z_]\w*$/.test(name) ? undefined : gaugeProblems.of('label', { name })
