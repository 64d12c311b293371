import type { DialogPart } from './dialog-part.ts'
import { openMigrationDialog, registerMigration } from './migration-dialog.ts'

/** Below the fields of an mqtt v3 source: the way to the import from another program. */
export const part: DialogPart = {
  register: registerMigration,
  open(section, _form, texts) {
    const button = $('<button type="button" class="red-ui-button rowline-migrate">').text(texts('import'))
    section.empty().append($('<div class="rowline-view">').append(button))
    button.on('click', () => openMigrationDialog())
    return undefined
  },
}
