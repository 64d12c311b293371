import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConfigOf, type Fields, parseFields } from '../../src/config/fields.ts'
import { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import type { SinkDefinition } from '../../src/sinks/definition.ts'
import { runnerContract } from './runner-contract.ts'
import { range, reading, rows, type SinkHarness } from './sink-harness.ts'

const forever = new AbortController().signal

/** What every sink promises, alone and in both delivery modes, held against the real target. */
export function sinkContract<F extends Fields, R>(definition: SinkDefinition<F, R>, harness: SinkHarness): void {
  const create = (name: string) => {
    const { config, problems } = parseFields(definition.fields, harness.config(name))
    assert.deepEqual(problems, [])
    return definition.create(config as ConfigOf<F>, harness.context)
  }
  const opened = async (name: string) => {
    const sink = create(name)
    await sink.open(forever)
    const requests = (records: readonly Record[]) => records.map((record) => sink.prepare(record).request)
    return { sink, requests, write: (records: readonly Record[]) => sink.write(requests(records), forever) }
  }

  describe(`${definition.type} keeps the contract of a sink`, () => {
    before(() => harness.start())
    after(() => harness.stop())

    it('has written everything, in order, when write resolves', async () => {
      const { sink, write } = await opened('order')
      for (const start of [0, 100, 200]) {
        assert.deepEqual(await write(range(start, start + 100).map((n) => reading(n))), { rejected: [] })
        assert.deepEqual(await harness.readBack('order'), rows(range(0, start + 100)))
      }
      await sink.close()
    })

    it('takes an empty row, a number and text as payloads', async () => {
      const { sink, write } = await opened('kinds')
      const payloads = [{}, 5, 'text', null, [1], true]
      await write(payloads.map((payload) => reading(0, { payload })))
      assert.deepEqual(await harness.readBack('kinds'), payloads)
      await sink.close()
    })

    it('is not changed by what the flow does to a record after prepare', async () => {
      const { sink, requests } = await opened('isolated')
      const row = { n: 1, inner: { deep: 1 } }
      const bytes = Buffer.from('{"n":2}')
      const prepared = requests([reading(1, { payload: row }), reading(2, { payload: bytes })])
      row.n = 99
      row.inner.deep = 99
      bytes.fill(0)
      await sink.write(prepared, forever)
      assert.deepEqual(await harness.readBack('isolated'), [{ n: 1, inner: { deep: 1 } }, { n: 2 }])
      await sink.close()
    })

    it('reports bytes of at least the payload', () => {
      const payload = Buffer.from(JSON.stringify('x'.repeat(1000)))
      assert.ok(create('bytes').prepare(reading(0, { payload })).bytes >= payload.length)
    })

    it('refuses at prepare what is no payload, as the fault of the record', () => {
      const circular: { [name: string]: unknown } = {}
      circular.self = circular
      for (const payload of [undefined, () => 1, circular]) {
        assert.throws(() => create('no-payload').prepare(reading(0, { payload: payload as never })), {
          code: 'PAYLOAD_UNSUPPORTED',
          disposition: 'reject',
        })
      }
    })

    it('throws a PipelineError to be retried while the target is broken, and loses nothing over it', async () => {
      const { sink, requests, write } = await opened('broken')
      await write([reading(0)])
      const prepared = requests(range(1, 11).map((n) => reading(n)))
      await harness.breakTarget('broken')
      await assert.rejects(sink.write(prepared, forever), (error) => {
        assert.ok(error instanceof PipelineError)
        assert.equal(error.disposition, 'retry', error.message)
        return true
      })
      await harness.healTarget('broken')
      await sink.write(prepared, forever)
      assert.deepEqual(await harness.readBack('broken'), rows(range(0, 11)))
      await sink.close()
    })

    it('opens after it could not', async () => {
      const sink = create('late')
      await harness.breakTarget('late')
      await assert.rejects(sink.open(forever), PipelineError)
      await harness.healTarget('late')
      await sink.open(forever)
      await sink.write([sink.prepare(reading(1)).request], forever)
      assert.deepEqual(await harness.readBack('late'), rows([1]))
      await sink.close()
    })

    it('gives up at once when it is aborted', async () => {
      const { sink, requests } = await opened('aborted')
      const prepared = requests([reading(1)])
      const control = new AbortController()
      await harness.breakTarget('aborted')
      const writing = assert.rejects(sink.write(prepared, control.signal), PipelineError)
      control.abort()
      await Promise.race([writing, sleep(2000).then(() => assert.fail('still writing 2 s after the abort'))])
      await assert.rejects(sink.open(control.signal), PipelineError)
      await harness.healTarget('aborted')
      await sink.close()
    })

    it('may be closed twice, and without having been opened', async () => {
      const { sink } = await opened('closed')
      await sink.close()
      await sink.close()
      await create('never-opened').close()
    })

    runnerContract(create, harness)
  })
}
