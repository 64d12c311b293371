import { declareNode } from '../../src/config/declaration.ts'
import { settingsProblems } from '../../src/config/settings-text.ts'
import { tlsProblems } from '../../src/config/tls-fields.ts'
import { migrationProblems } from '../../src/migration/problems.ts'
import { mqttProblems, sourceFields } from '../../src/mqtt/config.ts'
import { editorPart } from './editor-part.ts'

export const declaration = declareNode({
  type: 'mqtt-v3-source',
  kind: 'config',
  label: 'mqtt v3 source',
  summary: 'An MQTT broker and the session kept there.',
  outputs: [],
  fields: sourceFields,
  problems: [mqttProblems, migrationProblems, tlsProblems, settingsProblems],
  editorPart,
  labelField: ['host', 'port'],
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
      ? [{ field: 'user', problem: mqttProblems.of('userNeeded') }]
      : []),
    ...(protocolVersion === '3' && clientId.length > 23
      ? [{ field: 'clientId', problem: mqttProblems.of('longClientId') }]
      : []),
    ...(useTls && keystorePath !== '' && (cert !== '' || key !== '')
      ? [{ field: 'keystorePath', problem: mqttProblems.of('oneKeystore') }]
      : []),
    ...(useTls && tlsMaxVersion !== 'newest' && tlsMaxVersion < tlsMinVersion
      ? [{ field: 'tlsMaxVersion', problem: mqttProblems.of('tlsOrder') }]
      : []),
    ...(useTls && cert !== '' && key === '' ? [{ field: 'key', problem: mqttProblems.of('keyNeeded') }] : []),
  ],
})
