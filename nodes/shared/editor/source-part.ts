import type { DialogPart } from './dialog-part.ts'
import { part as migration } from './migration-part.ts'
import { part as test } from './test-part.ts'

/** Below the fields of an mqtt v3 source: *Test connection*, and the import from another program. */
export const part: DialogPart = {
  ...migration,
  open(section, form, texts) {
    const [forTest, forMigration] = [$('<div>'), $('<div>')]
    section.empty().append(forTest, forMigration)
    migration.open(forMigration, form, texts)
    return test.open(forTest, form, texts)
  },
}
