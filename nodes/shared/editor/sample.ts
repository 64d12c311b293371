import type { SampleQuestion } from '../../../src/config/editor-questions.ts'
import { fillText } from '../../../src/core/problem.ts'
import type { Step } from '../../../src/core/steps.ts'
import { sourceFields } from '../../../src/mqtt/config.ts'
import type { Sampled } from '../../../src/mqtt/sample-limits.ts'
import { askRuntime, mayAsk } from './ask-runtime.ts'
import { flowEditor } from './editor-flow.ts'
import { addStepStyle } from './step-list.ts'
import { storeSampled } from './stored-sample.ts'

type Texts = (key: string) => string

/** The page's last sample, for a row schema that is opened from it: each node type has a script of its own. */
const page = globalThis as { rowlineHandedOver?: readonly Sampled[] | undefined }

export const handOver = (samples: readonly Sampled[]): void => {
  page.rowlineHandedOver = samples
}

/** Once. */
export function takeHandedOver(): readonly Sampled[] {
  const samples = page.rowlineHandedOver ?? []
  page.rowlineHandedOver = undefined
  return samples
}

/** What a sample is taken of: the id of a `mqtt-v3-source` node, and filters. */
export interface SampleSource {
  readonly source: unknown
  readonly subscriptions: unknown
}

/** As the editor has the node now. Secrets that were not entered since the page was loaded are the stored ones. */
function questionOf({ source, subscriptions }: SampleSource): SampleQuestion | undefined {
  const node = typeof source === 'string' ? flowEditor().nodes.node(source) : null
  const rows = Array.isArray(subscriptions) ? (subscriptions as readonly { readonly filter?: unknown }[]) : []
  const filters = rows.flatMap(({ filter }) => (typeof filter === 'string' && filter !== '' ? [filter] : []))
  if (!node || filters.length === 0) return undefined
  const values = Object.entries(sourceFields).map(([name, { kind }]) => [
    name,
    kind === 'secret' ? node.credentials?.[name] : node[name],
  ])
  return { id: node.id, values: Object.fromEntries(values), filters }
}

/** A button that samples what `wanted` says then. `arrived` hears of each message; the last one is previewed next. */
export function openSample(
  texts: Texts,
  wanted: () => SampleSource | undefined,
  { started, arrived }: { started(): void; arrived(sample: Sampled): void },
): { readonly line: JQuery; close(): void } {
  addStepStyle()
  const button = $('<button type="button" class="red-ui-button rowline-sample">').text(texts('sample'))
  const said = $('<span class="rowline-said" role="status">')
  const say = (text: string, wrong = false) => said.text(text).toggleClass('rowline-wrong', wrong)
  let breakOff = () => {}
  button.on('click', () => {
    const from = wanted()
    const question = from && questionOf(from)
    if (!mayAsk()) return void say(texts('refused'), true)
    if (!question) return void say(texts('sampleSource'), true)
    started()
    say(texts('running'))
    button.prop('disabled', true)
    let count = 0
    let problem: string | undefined
    const counted = () => fillText(texts('sampled'), { count: String(count) })
    breakOff = askRuntime('sample/mqtt-v3-source', question, {
      line: (line) => {
        problem = (line as Partial<Step>).problem
        if (problem !== undefined) return
        count++
        say(counted())
        storeSampled(line as Sampled)
        arrived(line as Sampled)
      },
      end: (failure) => {
        button.prop('disabled', false)
        const none = count === 0 ? texts('sampledNone') : counted()
        say(failure ? texts(failure) : (problem ?? none), failure !== undefined || problem !== undefined)
      },
    })
  })
  return { line: $('<div class="rowline-ask">').append(button, said), close: () => breakOff() }
}

/** In one line each: what JSON has between its parts counts for nothing. */
export const payloadLines = (samples: readonly Sampled[]): readonly string[] =>
  samples.filter(({ isText, isCut }) => isText && !isCut).map(({ payload }) => payload.replace(/\s*\n\s*/g, ' ').trim())
