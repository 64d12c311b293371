import { isTlsPort, splitAddress } from '../../../src/mqtt/broker-address.ts'
import type { DialogPart, OpenPart } from './dialog-part.ts'
import { part as migration } from './migration-part.ts'
import { part as test } from './test-part.ts'

/**
 * Of an mqtt v3 source: *Test connection* and the import from another program, below the fields; `host:port` in *Broker*
 * becomes two, and a port for TLS without TLS is noted.
 */
export const part: DialogPart = {
  ...migration,
  open(section, form, texts) {
    const [forTest, forMigration] = [$('<div>'), $('<div>')]
    section.empty().append(forTest, forMigration)
    migration.open(forMigration, form, texts)
    takeApart(section, form)
    const opened = test.open(forTest, form, texts)
    return { ...opened, changed: noteClearText(section, form, texts) }
  },
}

function takeApart(section: JQuery, form: OpenPart): void {
  const fields = section.closest('.rowline-form')
  fields.on('change', '[data-field="host"] input', () => {
    const { host, port } = splitAddress(String(form.values().host ?? ''))
    if (port === '') return
    form.write('host', host)
    form.write('port', port)
  })
}

/** No problem of the field: a broker may speak without TLS there, and then it works. */
function noteClearText(section: JQuery, form: OpenPart, texts: (key: string) => string): () => void {
  const note = $('<div class="rowline-caution" role="status" hidden>').text(texts('clearText'))
  section.closest('.rowline-form').find('[data-field="port"]').append(note)
  return () => {
    const { port, useTls } = form.values()
    note.prop('hidden', useTls !== false || !isTlsPort(port))
  }
}
