import { classTexts, findingTable } from './guarantee/findings.ts'

/** The node set's name: of its files, its texts and its tab. */
export const sidebarName = 'rowline-sidebar'

/** English; every other language has the same keys. Nested as Node-RED's message catalogues are. */
export const sidebarTexts = {
  tab: 'Rowline',
  title: 'Rowline: pipelines',
  in: '{rate}/s in',
  confirmed: '{rate}/s confirmed',
  slowest: '{rate}/s confirmed by the slowest sink',
  open: '{count} open',
  rate: '{rate}/s',
  outbox: 'outbox {count}',
  waiting: '{count} waiting',
  oldest: 'oldest {age}',
  retries: '{count} retries',
  rejected: '{count} dead letters since the start',
  last: '{code} at {time}, {node}',
  show: 'Show the node',
  undeployed: 'after the next deploy: {guarantee}',
  may: 'What may be lost',
  unreachable: 'Node-RED does not answer.',
  refused: 'You may not read this. Ask for the permission "read".',
  chart: 'The last minute: in (grey), confirmed (coloured)',
  guarantee: classTexts,
  empty: {
    title: 'No pipeline is deployed yet.',
    first: 'Menu → Import → Examples → @rowline/node-red-rowline → 01 First rows.',
    second: 'Open "Readings", press the pencil beside Source, enter the address of your broker.',
    third: 'Deploy. What comes in and what is safe appears here, once a second.',
    tour: 'Show me',
  },
  tour: {
    menu: 'Import example 01 First rows from this menu: Import → Examples → @rowline/node-red-rowline.',
    palette: 'Or build your own: mqtt v3 in, row decoder and a sink, wired in a row.',
    deploy: 'Enter the address of your broker in the source node, then deploy.',
    tab: 'Each pipeline has its numbers here, and what it promises.',
  },
  finding: Object.fromEntries(Object.entries(findingTable).map(([code, { text, advice }]) => [code, { text, advice }])),
} as const
