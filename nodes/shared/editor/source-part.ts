import { splitAddress } from '../../../src/mqtt/broker-address.ts'
import type { DialogPart, OpenPart } from './dialog-part.ts'
import { part as migration } from './migration-part.ts'
import { part as test } from './test-part.ts'

/** Of an mqtt v3 source: *Test connection* and the import from another program, below the fields; `host:port` in *Broker* becomes two. */
export const part: DialogPart = {
  ...migration,
  open(section, form, texts) {
    const [forTest, forMigration] = [$('<div>'), $('<div>')]
    section.empty().append(forTest, forMigration)
    migration.open(forMigration, form, texts)
    takeApart(section, form)
    return test.open(forTest, form, texts)
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
