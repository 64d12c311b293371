import type { FlowNode } from '../services/node-red.ts'

/** How a flow ends a reading, as seen from the broker. */
export type Ending =
  /** PUBACK when every branch has finished: the lines of `lines` are in the files by then. */
  | 'after'
  /** PUBACK before that; the late-send detector must name `culprit`. */
  | 'early'
  /** PUBACK after the settle timeout, with the reading in the dead letters by then. */
  | 'abandoned'
  /** PUBACK with the reading in the dead letters, because the flow failed. */
  | 'failed'

export interface FlowShape {
  readonly name: string
  /** What the source is wired to. */
  readonly to: readonly string[]
  readonly nodes: readonly FlowNode[]
  /** Nodes that Node-RED makes before the source. */
  readonly first?: readonly FlowNode[]
  readonly ending: Ending
  /** Lines that must be in the file of a sink, at the first PUBACK and in the end. */
  readonly lines?: { readonly [sink: string]: number }
  readonly culprit?: string
  readonly messages?: number
  readonly payload?: string
}

const tab = 'flow'
const other = 'other'

const make = (id: string, type: string, wires: readonly (readonly string[])[], rest: object = {}): FlowNode => ({
  id,
  type,
  z: tab,
  x: 100,
  y: 100,
  wires,
  ...rest,
})

/** A real file-sink that confirms late: the line is on disk about `lingerMs` after the message came. */
export const slowSink = (
  id: string,
  lingerMs = 300,
  wires: readonly (readonly string[])[] = [[], []],
  rest: object = {},
) => make(id, 'file-sink', wires, { path: `${id}.ndjson`, lingerMs: String(lingerMs), ...rest })

export const functionNode = (id: string, func: string, wires: readonly (readonly string[])[]) =>
  make(id, 'function', wires, { func, outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] })
/** What a delay node holds that keeps every message for so long. */
export const delayed = (ms: number) => ({
  pauseType: 'delay',
  timeout: String(ms),
  timeoutUnits: 'milliseconds',
  rate: '1',
  nbRateUnits: '1',
  rateUnits: 'second',
  randomFirst: '1',
  randomLast: '5',
  randomUnits: 'seconds',
  drop: false,
  allowrate: false,
  outputs: 1,
})
const delay = (id: string, ms: number, wires: readonly (readonly string[])[]) => make(id, 'delay', wires, delayed(ms))
const pass = (id: string, wires: readonly (readonly string[])[]) =>
  make(id, 'change', wires, { rules: [{ t: 'set', p: 'seen', pt: 'msg', to: 'true', tot: 'bool' }], reg: false })
const split = (id: string, wires: readonly (readonly string[])[]) =>
  make(id, 'split', wires, {
    splt: ',',
    spltType: 'str',
    arraySplt: 1,
    arraySpltType: 'len',
    stream: false,
    addname: '',
  })
const join = (id: string, wires: readonly (readonly string[])[], rest: object) =>
  make(id, 'join', wires, {
    build: 'array',
    property: 'payload',
    propertyType: 'msg',
    key: 'topic',
    joiner: ',',
    joinerType: 'str',
    accumulate: false,
    timeout: '',
    count: '',
    ...rest,
  })
const trigger = (id: string, wires: readonly (readonly string[])[], rest: object) =>
  make(id, 'trigger', wires, {
    op1: '1',
    op2: '0',
    op1type: 'str',
    op2type: 'str',
    duration: '200',
    extend: false,
    overrideDelay: false,
    units: 'ms',
    reset: '',
    bytopic: 'all',
    topic: 'topic',
    outputs: 1,
    ...rest,
  })
const batch = (id: string, wires: readonly (readonly string[])[]) =>
  make(id, 'batch', wires, {
    mode: 'count',
    count: '3',
    overlap: '0',
    interval: '1',
    allowEmptySequence: false,
    topics: [],
  })
const change = (id: string, rule: object, wires: readonly (readonly string[])[]) =>
  make(id, 'change', wires, { rules: [rule], reg: false })
const toText = { t: 'set', p: 'payload', pt: 'msg', to: '$string($)', tot: 'jsonata' }
const bufferToText = (id: string, to: string) =>
  functionNode(id, 'msg.payload = msg.payload.toString(); return msg', [[to]])
const isYes = { property: 'payload', propertyType: 'msg', checkall: 'true', repair: false, outputs: 1 }

/** Every flow shape that the README speaks about. */
export const shapes: readonly FlowShape[] = [
  { name: 'one sink', to: ['k'], nodes: [slowSink('k')], ending: 'after', lines: { k: 1 } },
  { name: 'not wired', to: [], nodes: [], ending: 'after' },
  { name: 'wired to a node that does not exist', to: ['nowhere'], nodes: [], ending: 'after' },
  {
    name: 'a chain of core nodes',
    to: ['p'],
    nodes: [pass('p', [['q']]), pass('q', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'fan-out to two sinks',
    to: ['k', 'l'],
    nodes: [slowSink('k'), slowSink('l', 700)],
    ending: 'after',
    lines: { k: 1, l: 1 },
  },
  {
    name: 'nested fan-out',
    to: ['p', 'k'],
    nodes: [pass('p', [['q', 'l']]), pass('q', [['m']]), slowSink('k', 100), slowSink('l', 400), slowSink('m', 800)],
    ending: 'after',
    lines: { k: 1, l: 1, m: 1 },
  },
  {
    name: 'Function that returns the message',
    to: ['f'],
    nodes: [functionNode('f', 'return msg', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'Function that returns a new object',
    to: ['f'],
    nodes: [functionNode('f', 'return { payload: "new" }', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'Function that copies the message through JSON',
    to: ['f'],
    nodes: [functionNode('f', 'return JSON.parse(JSON.stringify(msg))', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'Function that returns several messages',
    to: ['f'],
    nodes: [functionNode('f', 'return [[{ ...msg }, { payload: 2 }, { payload: 3 }]]', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 3 },
  },
  {
    name: 'Function that returns nothing',
    to: ['f'],
    nodes: [functionNode('f', 'return null', [['k']]), slowSink('k')],
    ending: 'after',
  },
  {
    name: 'Function that sends later and then calls node.done',
    to: ['f'],
    nodes: [functionNode('f', 'setTimeout(() => { node.send(msg); node.done() }, 200)', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'Function that sends later without node.done',
    to: ['f'],
    nodes: [functionNode('f', 'setTimeout(() => node.send({ payload: 1 }), 200)', [['k']]), slowSink('k')],
    ending: 'early',
    lines: { k: 1 },
    culprit: 'f',
  },
  {
    name: 'Function that throws, no Catch',
    to: ['f'],
    nodes: [functionNode('f', 'throw new Error("broken")', [['k']]), slowSink('k')],
    ending: 'failed',
  },
  {
    name: 'Function that throws, Catch leads to a sink',
    to: ['f'],
    nodes: [
      functionNode('f', 'throw new Error("broken")', [[]]),
      make('c', 'catch', [['k']], { scope: null, uncaught: false }),
      slowSink('k'),
    ],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'Function that throws, Catch leads to no sink',
    to: ['f'],
    nodes: [
      functionNode('f', 'throw new Error("broken")', [[]]),
      make('c', 'catch', [[]], { scope: null, uncaught: false }),
    ],
    ending: 'after',
  },
  {
    name: 'Complete leads to a second sink',
    to: ['k'],
    nodes: [slowSink('k', 100), make('c', 'complete', [['l']], { scope: ['k'], uncaught: false }), slowSink('l', 400)],
    ending: 'after',
    lines: { k: 1, l: 1 },
  },
  {
    name: 'split',
    to: ['s'],
    payload: 'a,b,c',
    nodes: [bufferToText('s', 'sp'), split('sp', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 3 },
  },
  {
    name: 'split and automatic join',
    to: ['s'],
    payload: 'a,b,c',
    nodes: [bufferToText('s', 'sp'), split('sp', [['j']]), join('j', [['k']], { mode: 'auto' }), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'manual join of several readings',
    to: ['j'],
    messages: 3,
    nodes: [join('j', [['k']], { mode: 'custom', count: '3' }), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'manual join of several readings, and a sink that takes longer than the settle timeout',
    to: ['j'],
    messages: 3,
    nodes: [join('j', [['k']], { mode: 'custom', count: '3' }), slowSink('k', 3000)],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'batch of several readings',
    to: ['b'],
    messages: 3,
    nodes: [batch('b', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 3 },
  },
  {
    name: 'link out to another tab',
    to: ['lo'],
    nodes: [
      make('lo', 'link out', [], { mode: 'link', links: ['li'] }),
      { ...make('li', 'link in', [['k']], { links: ['lo'] }), z: other },
      { ...slowSink('k'), z: other },
    ],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'link call',
    to: ['lc'],
    nodes: [
      make('lc', 'link call', [['k']], { links: ['li'], linkType: 'static', timeout: '5' }),
      make('li', 'link in', [['d']], { links: [] }),
      delay('d', 200, [['lr']]),
      make('lr', 'link out', [], { mode: 'return', links: [] }),
      slowSink('k'),
    ],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'junction',
    to: ['jn'],
    nodes: [make('jn', 'junction', [['k', 'l']]), slowSink('k'), slowSink('l', 600)],
    ending: 'after',
    lines: { k: 1, l: 1 },
  },
  { name: 'delay', to: ['d'], nodes: [delay('d', 400, [['k']]), slowSink('k')], ending: 'after', lines: { k: 1 } },
  {
    name: 'switch that passes',
    to: ['w'],
    nodes: [make('w', 'switch', [['k']], { ...isYes, rules: [{ t: 'nnull' }] }), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'switch that drops',
    to: ['w'],
    nodes: [make('w', 'switch', [['k']], { ...isYes, rules: [{ t: 'eq', v: 'no', vt: 'str' }] }), slowSink('k')],
    ending: 'after',
  },
  {
    name: 'filter (report by exception)',
    to: ['s'],
    messages: 2,
    nodes: [
      bufferToText('s', 'r'),
      make('r', 'rbe', [['k']], {
        func: 'rbe',
        gap: '',
        start: '',
        inout: 'out',
        septopics: true,
        property: 'payload',
        topi: 'topic',
      }),
      slowSink('k'),
    ],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'old-style node that never says it is done',
    to: ['o'],
    nodes: [make('o', 'probe-old', [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'trigger: send, then nothing',
    to: ['t'],
    nodes: [trigger('t', [['k']], { op2type: 'nul' }), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'trigger: send, then nothing, and every message begins the wait anew',
    to: ['t'],
    nodes: [trigger('t', [['k']], { op2type: 'nul', extend: true }), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'trigger: send, then wait to be reset',
    to: ['t'],
    nodes: [trigger('t', [['k']], { op2type: 'nul', duration: '0' }), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'trigger: send, then send the same again and again',
    to: ['t'],
    nodes: [trigger('t', [['k']], { duration: '-400' }), slowSink('k', 50)],
    ending: 'early',
    lines: { k: 2 },
    culprit: 't',
  },
  {
    name: 'trigger: send, then send again',
    to: ['t'],
    nodes: [trigger('t', [['k']], {}), slowSink('k', 100)],
    ending: 'early',
    lines: { k: 2 },
    culprit: 't',
  },
  {
    name: 'trigger: nothing, then the latest message',
    to: ['t'],
    nodes: [trigger('t', [['k']], { op1type: 'nul', op2type: 'payl' }), slowSink('k')],
    ending: 'early',
    lines: { k: 1 },
    culprit: 't',
  },
  {
    name: 'queue kept in context',
    to: ['q'],
    nodes: [
      functionNode('q', 'flow.set("queue", msg); return null', [[]]),
      make('tick', 'inject', [['take']], {
        props: [],
        repeat: '0.4',
        once: false,
        onceDelay: 0.1,
        crontab: '',
        topic: '',
      }),
      functionNode('take', 'const m = flow.get("queue"); if (!m) return null; flow.set("queue", undefined); return m', [
        ['k'],
      ]),
      slowSink('k'),
    ],
    ending: 'early',
    lines: { k: 1 },
    culprit: 'take',
  },
  {
    name: 'node that is done before it sends',
    to: ['p'],
    nodes: [make('p', 'probe-late', [['k']]), slowSink('k')],
    ending: 'early',
    lines: { k: 1 },
    culprit: 'p',
  },
  { name: 'node that never finishes', to: ['p'], nodes: [make('p', 'probe-never', [[]])], ending: 'abandoned' },
  {
    name: 'node that throws out of its input handler',
    to: ['p'],
    nodes: [make('p', 'probe-throws', [[]])],
    ending: 'abandoned',
  },
  {
    name: 'sink chained behind a sink',
    to: ['k'],
    nodes: [slowSink('k', 200, [['l'], []]), slowSink('l', 500)],
    ending: 'after',
    lines: { k: 1, l: 1 },
  },
  {
    name: 'rejected readings lead to a second sink',
    to: ['dec'],
    payload: 'not json',
    nodes: [make('dec', 'row-decoder', [[], ['l']], { format: 'json', routes: [] }), slowSink('l', 400)],
    ending: 'after',
    lines: { l: 1 },
  },
  {
    name: 'subflow',
    to: ['sub'],
    nodes: [
      make('sub', 'subflow:sf', [['k']]),
      {
        id: 'sf',
        type: 'subflow',
        name: 'sf',
        info: '',
        category: '',
        env: [],
        in: [{ x: 0, y: 0, wires: [{ id: 'inner' }] }],
        out: [{ x: 0, y: 0, wires: [{ id: 'inner', port: 0 }] }],
      },
      { ...delay('inner', 200, [[]]), z: 'sf' },
      slowSink('k'),
    ],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: 'sink inside a subflow',
    to: ['sub'],
    nodes: [
      make('sub', 'subflow:sf', []),
      {
        id: 'sf',
        type: 'subflow',
        name: 'sf',
        info: '',
        category: '',
        env: [],
        in: [{ x: 0, y: 0, wires: [{ id: 'k' }] }],
        out: [],
      },
      { ...slowSink('k', 400), z: 'sf' },
    ],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: "another plugin's asynchronous preRoute hook",
    to: ['k'],
    nodes: [make('hook', 'probe-async-hook', [[]], { hook: 'preRoute' }), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
  {
    name: "another plugin's asynchronous onSend hook",
    to: ['k'],
    first: [make('hook', 'probe-async-hook', [[]], { hook: 'onSend' })],
    nodes: [slowSink('k')],
    ending: 'early',
    lines: { k: 1 },
    culprit: 'in',
  },
  {
    name: 'manual join that waits for more readings',
    to: ['j'],
    nodes: [join('j', [['k']], { mode: 'custom', count: '3' }), slowSink('k')],
    ending: 'abandoned',
  },
  {
    name: 'payload replaced by text',
    to: ['c'],
    nodes: [change('c', toText, [['k']]), slowSink('k')],
    ending: 'after',
    lines: { k: 1 },
  },
]
