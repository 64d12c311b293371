import type { EditorPart } from '../../src/config/editor-part.ts'
import { notices } from '../../src/config/migration-notices.ts'
import { brokerSteps } from '../../src/mqtt/probe-texts.ts'
import { testPart } from '../shared/test-part.ts'

/** What the dialog shows beside its fields, and the menu action *Import settings of another program…*. */
export const editorPart: EditorPart = {
  module: 'source-part',
  texts: {
    ...testPart(brokerSteps).texts,
    clearText:
      'Port 8883 is the one for TLS, and "Use TLS" is off: user, password and readings would go through the network unencrypted.',
    import: 'Import settings of another program…',
    importNote:
      'Paste TOML, YAML, properties, a dictionary, or lines of NAME=value. New nodes are made on the open flow; nothing is deployed. Passwords go to the credentials. All options stand in docs/migrating.md.',
    importing: 'Import settings of another program',
    of: 'Settings of',
    'system-bahir': 'Bahir (Spark, Flink)',
    'system-danube': 'danube source-mqtt',
    'system-uns': 'Unified namespace bridge',
    'system-freeport': 'Freeport FMI bridge',
    to: 'Write to',
    everySink: 'every sink',
    apply: 'Import',
    close: 'Close',
    isTable: 'This is a table of Flink: "Import table…" takes it.',
    locked: 'This flow is locked.',
    nothing: 'There are no settings of this program in the text.',
    applied: 'set: {places}',
    notTaken: 'not applied: {place} {problem}',
    unknown: 'not applied',
    elsewhere: 'not applied, because there is none: {place}',
    created: 'New: {node}',
    missing: 'Still to do: {node}: {reason}',
    ...Object.fromEntries(Object.entries(notices).map(([key, text]) => [`notice-${key}`, text])),
  },
}
