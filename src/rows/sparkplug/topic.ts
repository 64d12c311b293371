import { remember } from '../../core/remember.ts'

const nodeMessages = ['NBIRTH', 'NDATA', 'NDEATH', 'NCMD'] as const
const deviceMessages = ['DBIRTH', 'DDATA', 'DDEATH', 'DCMD'] as const

export type MessageType = (typeof nodeMessages)[number] | (typeof deviceMessages)[number]

export interface SparkplugTopic {
  readonly type: MessageType
  readonly kind: 'birth' | 'data' | 'death' | 'command'
  /** Group and edge node, behind what a bridge may have put in front of the topic: `Plant 1/Press 7`. */
  readonly edgeNode: string
  readonly device: string | undefined
  /** A copy that the broker keeps and hands out later: `$sparkplug/certificates/…`. */
  readonly isCertificate: boolean
  /** Where this edge node takes commands. */
  readonly commandTopic: string
}

const kinds = { BIRTH: 'birth', DATA: 'data', DEATH: 'death', CMD: 'command' } as const

const namespace = 'spBv1.0'
const certificates = '$sparkplug/certificates'

/** `state` for the state of a host application, which is JSON; undefined for any topic that is not Sparkplug's. */
export const readTopic: (topic: string) => SparkplugTopic | 'state' | undefined = remember((topic) => {
  const levels = topic.split('/')
  const start = levels.indexOf(namespace)
  if (start < 0) return undefined
  const [group, type, edge, device, ...more] = levels.slice(start + 1)
  if (group === 'STATE' && type !== undefined && edge === undefined) return 'state'
  if (!group || !edge || device === '' || more.length > 0) return undefined
  const types: readonly string[] = device === undefined ? nodeMessages : deviceMessages
  if (!types.includes(type!)) return undefined
  const front = levels.slice(0, start).join('/')
  const isCertificate = front === certificates
  const before = isCertificate || front === '' ? '' : `${front}/`
  return {
    type: type as MessageType,
    kind: kinds[type!.slice(1) as keyof typeof kinds],
    edgeNode: `${before}${group}/${edge}`,
    device,
    isCertificate,
    commandTopic: `${before}${namespace}/${group}/NCMD/${edge}`,
  }
})
