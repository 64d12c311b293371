import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectDirectory } from '../services/package.ts'
import { findProgram, runCommand, temporaryDirectory } from '../services/processes.ts'

const rules = join(projectDirectory, 'monitoring/alerts.yml')
const promtool = findProgram('promtool', 'prometheus')

/** One value a minute, in promtool's notation. */
interface Case {
  /** Without labels; the case gives it those of one node. */
  readonly series: { readonly [metric: string]: string }
  readonly quiet: { readonly [metric: string]: string }
  readonly atMinutes: number
}

const one = (metric: string, fires: string, quiet: string, atMinutes = 30): Case => ({
  series: { [metric]: fires },
  quiet: { [metric]: quiet },
  atMinutes,
})

const cases: { readonly [alert: string]: Case } = {
  RowlineGone: one('up', '0x40', '0x28 1x12'),
  RowlineUnhealthy: one('rowline_health', '0x40', '1x40'),
  RowlineSourceDisconnected: one('rowline_source_connected', '0x40', '1x28 0x12'),
  RowlineQosLowered: one('rowline_source_qos_lowered', '1x40', '0x26 1x14'),
  RowlineSinkFailing: one('rowline_sink_failing', '1x40', '0x28 1x12'),
  RowlineReadingsWait: one('rowline_oldest_unconfirmed_seconds', '301x40', '300x40'),
  RowlineWindowLimited: one('rowline_source_window_limited', '1x40', '0x26 1x14'),
  RowlineOutboxGrows: one('rowline_outbox_entries', '1001+10x60', '9000-10x60', 45),
  RowlineOutboxDropped: one('rowline_outbox_dropped_total', '0x25 5x20', '5x40'),
  RowlineSlowDisk: one('rowline_outbox_sync_seconds', '0.2x40', '0.05x40'),
  RowlineRejected: one('rowline_records_rejected_total', '_x25 2x20', '2x40'),
  RowlineSparkplugGaps: one('rowline_sparkplug_gaps_total', '0x25 1x20', '3x40'),
  RowlineLateSender: one('rowline_late_senders', '1x40', '0x40'),
  RowlineMemoryFull: {
    series: { rowline_memory_held_bytes: '95x40', rowline_memory_limit_bytes: '100x40' },
    quiet: { rowline_memory_held_bytes: '50x40', rowline_memory_limit_bytes: '100x40' },
    atMinutes: 30,
  },
  RowlineGaugeFull: one('rowline_gauge_unshown_total', '0x25 1x20', '7x40'),
}

const labels = '{job="rowline",instance="gateway",pipeline="Plant",node="Kafka",type="kafka-sink",reason="type"}'

function unitTest(alert: string, series: Case['series'], atMinutes: number, fires: boolean) {
  const input = Object.entries(series).map(([metric, values]) => ({ series: metric + labels, values }))
  return {
    interval: '1m',
    input_series: input,
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
        eval_time: `${atMinutes}m`,
        exp_samples: fires ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  }
}

test('promtool takes the alert rules, each fires for what it is there for, and keeps quiet otherwise', async () => {
  assert.match(await runCommand(promtool, ['check', 'rules', rules]), /SUCCESS: \d+ rules found/)
  const names = [...readFileSync(rules, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name!)
  assert.deepEqual(Object.keys(cases), names)
  const tests = Object.entries(cases).flatMap(([alert, { series, quiet, atMinutes }]) => [
    unitTest(alert, series, atMinutes, true),
    unitTest(alert, quiet, atMinutes, false),
  ])
  const file = join(temporaryDirectory('promtool'), 'alerts.json')
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }))
  assert.match(await runCommand(promtool, ['test', 'rules', file]), /SUCCESS/)
})

test('the first rejected reading of a node alerts, although increase() does not see where a counter begins', async () => {
  const file = join(temporaryDirectory('promtool'), 'first.json')
  const series = { rowline_records_rejected_total: '_x29 1x20' }
  const tests = [unitTest('RowlineRejected', series, 31, true), unitTest('RowlineRejected', series, 45, false)]
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }))
  assert.match(await runCommand(promtool, ['test', 'rules', file]), /SUCCESS/)
})
