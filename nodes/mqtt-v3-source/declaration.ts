import { declareNode } from '../../src/config/declaration.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { editorPart } from './editor-part.ts'

export const declaration = declareNode({
  type: 'mqtt-v3-source',
  kind: 'config',
  label: 'mqtt v3 source',
  summary: 'An MQTT broker and the session kept there.',
  outputs: [],
  fields: sourceFields,
  editorPart,
  labelField: 'host',
  check: ({
    user,
    password,
    useTls,
    cert,
    key,
    keystorePath,
    tlsMinVersion,
    tlsMaxVersion,
    protocolVersion,
    clientId,
  }) => [
    ...(password !== '' && user === '' && protocolVersion !== '5'
      ? [{ field: 'user', text: 'is needed with a password (MQTT 3.1.1)' }]
      : []),
    ...(protocolVersion === '3' && clientId.length > 23
      ? [{ field: 'clientId', text: 'must not be longer than 23 characters (MQTT 3.1)' }]
      : []),
    ...(useTls && keystorePath !== '' && (cert !== '' || key !== '')
      ? [{ field: 'keystorePath', text: 'is one way, "Client certificate" and "Client key" are the other: use one' }]
      : []),
    ...(useTls && tlsMaxVersion !== 'newest' && tlsMaxVersion < tlsMinVersion
      ? [{ field: 'tlsMaxVersion', text: 'must not be older than "Oldest TLS"' }]
      : []),
    ...(useTls && cert !== '' && key === '' ? [{ field: 'key', text: 'is needed with a client certificate' }] : []),
  ],
})
