import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sized } from '../loss/sizes.ts'
import { type BigQuery, startBigQuery } from '../services/bigquery.ts'
import {
  type AppendFault,
  type BigQueryFront,
  rowErrorsAnswer,
  startBigQueryFront,
} from '../services/bigquery-front.ts'
import { type Running, startProcess, temporaryDirectory, until } from '../services/processes.ts'
import type { Settings } from './bigquery-child.ts'
import { dataset } from './bigquery-harness.ts'

const kills = sized(12, 50)
const perLife = 200
const child = join(import.meta.dirname, 'bigquery-child.ts')

let bigquery: BigQuery
let front: BigQueryFront
before(async () => {
  bigquery = await startBigQuery()
  front = await startBigQueryFront(bigquery)
  await bigquery.createDataset(dataset)
})
after(async () => {
  await front.close()
  await bigquery.stop()
})

/** When a child is killed: before the append is stored, after it, or a while after it, at any moment. */
const strikes = ['unstored', 'stored', 'between'] as const

interface Plan {
  readonly table: string
  /** Numbers that BigQuery refuses. */
  readonly isBad: (n: number) => boolean
}

test(`${kills} times kill -9, with lost replies, cut connections and rejected rows: no row twice, none missing`, {
  timeout: 280_000 * sized(1, 5),
}, async () => {
  const plan: Plan = { table: 'kills', isBad: (n) => n % 17 === 3 }
  const directory = temporaryDirectory('exactly-once')
  const stored = new Set<string>()
  let from = 0
  for (let life = 0; life <= kills; life++) {
    const strike = life < kills ? strikes[life % strikes.length]! : undefined
    const output = await live(plan, directory, from, strike)
    from += perLife
    for (const [, ids] of output.matchAll(/^stored (.+)$/gm)) for (const id of ids!.split(' ')) stored.add(id)
    assert.doesNotMatch(output, /^warned/m)
  }
  await verify(plan, directory, stored)
})

/** One life of the child, until it is killed or its outbox is empty. Gives what it has said. */
async function live(
  plan: Plan,
  directory: string,
  from: number,
  strike: (typeof strikes)[number] | undefined,
): Promise<string> {
  const settings: Settings = {
    at: { url: front.url, storage: front.storage },
    directory,
    from,
    count: perLife,
    schema: 'n BIGINT NOT NULL',
    sink: {
      dataset,
      table: plan.table,
      writeMethod: 'exactlyOnce',
      createTable: true,
      columns: [{ name: 'id', value: '{id}' }],
      batchRecords: 25,
      lingerMs: '1 ms',
      retryBackoffMs: '5 ms',
      maxRetryBackoffMs: '50 ms',
      requestTimeoutMs: '2 s',
    },
  }
  const running = startProcess(process.execPath, [child, JSON.stringify(settings)], { name: 'child' })
  const mostAppends = 2 + Math.floor(Math.random() * 6)
  let seen = 0
  front.faults.append = ({ rows }) => {
    const bad = rows.flatMap((row, index) => (plan.isBad(numberIn(row)) ? [{ index, message: 'too bad' }] : []))
    if (bad.length > 0) return { answer: rowErrorsAnswer(bad) }
    seen++
    if (strike && strike !== 'between' && seen > mostAppends) {
      void running.kill()
      return strike === 'unstored' ? 'silent' : undefined
    }
    return mishap(seen)
  }
  if (strike === 'between') {
    await until(() => seen >= mostAppends || !running.isRunning(), { what: 'appends', timeoutMs: 60_000 })
    await wait(Math.random() * 30)
    await running.kill()
  } else if (strike) await killed(running)
  else await running.waitFor(/^empty$/m, 120_000)
  await running.kill()
  return running.output()
}

/** What a network does now and then. */
function mishap(n: number): AppendFault | undefined {
  if (n % 5 === 2) return 'loseReply'
  if (n % 7 === 3) return { code: 14, message: 'try again' }
  return undefined
}

/** The number in a row, whose first field it is: one or two bytes behind its key. */
const numberIn = (row: Buffer) => (row[1]! < 0x80 ? row[1]! : (row[1]! & 0x7f) | ((row[2]! & 0x7f) << 7))

async function killed(running: Running): Promise<void> {
  await until(() => !running.isRunning(), { what: 'the kill', timeoutMs: 60_000, output: running.output })
}

async function verify({ table, isBad }: Plan, directory: string, stored: ReadonlySet<string>): Promise<void> {
  const rows = await bigquery.query(`SELECT id, n FROM \`${dataset}.${table}\``)
  const counts = new Map<string, number>()
  for (const { id } of rows) counts.set(String(id), (counts.get(String(id)) ?? 0) + 1)
  const file = join(directory, 'refused')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  const refused = new Set(lines.map((line) => line.split(' ')[0]!))
  const twice = [...counts].filter(([, count]) => count > 1).map(([id]) => id)
  const lost = [...stored].filter((id) => !counts.has(id) && !refused.has(id))
  process.stderr.write(
    `exactlyOnce: ${kills} kills, ${stored.size} ids, ${rows.length} rows, ${refused.size} refused, ${twice.length} duplicated, ${lost.length} lost\n`,
  )
  assert.deepEqual({ twice, lost }, { twice: [], lost: [] })
  assert.deepEqual(
    [...refused].filter((id) => counts.has(id)),
    [],
  )
  assert.ok(refused.size > 0 && rows.every(({ n }) => !isBad(Number(n))), 'bad rows were refused')
  assert.ok(rows.length > kills * 20, 'rows were written')
}
