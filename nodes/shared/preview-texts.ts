import type { EditorPart } from '../../src/config/editor-part.ts'

/** *Preview*, below the fields of decoders and sinks. */
export const previewPart: EditorPart = {
  module: 'preview-part',
  texts: {
    title: 'Preview',
    note: 'What becomes of one message with the values in this form; once shown, it follows every change. "Sample from broker" in mqtt v3 in and row schema enters the last message. Nothing is connected to, and nothing is sent. A sink shows it behind the row decoder that it is wired to.',
    topic: 'MQTT topic',
    payload: 'Payload',
    text: 'Text',
    hex: 'Hex',
    base64: 'Base64',
    show: 'Show',
    listed: 'Route {route}, by the topics of mqtt v3 in.',
    unlisted: 'No schema was applied: the route {route} is not in Routes.',
    unknown: 'No schema was applied: no topic of an mqtt v3 in before this node gives this message a route.',
    skipped: 'Skipped: there is no row in it. It counts as done.',
    rejected: 'Rejected by the {node} ({reason}): {message}',
    invalid: 'Something is wrong with the configuration:',
    forbidden: 'Your user may not do this: it needs the permission to change flows.',
    failed: 'Node-RED did not answer.',
  },
}
