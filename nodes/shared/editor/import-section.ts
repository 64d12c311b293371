import type { ImportedLine, Importer } from '../../../src/config/imported.ts'
import { fillText, Problem, translated } from '../../../src/core/problem.ts'

type Texts = (key: string) => string

/** Fills the form with what is pasted, and lists what has become of each setting. */
export function openImport(
  section: JQuery,
  importer: Importer,
  texts: Texts,
  write: (field: string, value: string) => void,
): void {
  const list = section.find('ul')
  section.find('button').on('click', () => {
    const imported = importer.read(String(section.find('textarea').val() ?? ''))
    list.empty()
    if (imported instanceof Problem) {
      addLine(list, '', translated(imported, texts), true)
      return
    }
    for (const [field, value] of Object.entries(imported.values)) write(field, value)
    for (const line of imported.lines) addLine(list, line.key, describe(line, texts), isLeftOut(line))
    if (imported.lines.length === 0) addLine(list, '', texts('import.nothing'), true)
  })
}

const isLeftOut = ({ outcome }: ImportedLine) => outcome === 'refused' || outcome === 'unknown'

function describe(line: ImportedLine, texts: Texts): string {
  if (line.outcome === 'noted') return texts(`import.notice.${line.notice}`)
  const field = 'field' in line ? texts(`field.${line.field}.label`) : ''
  const problem = 'problem' in line ? translated(line.problem, texts) : ''
  const said = fillText(texts(`import.line.${line.outcome}`), { field, problem })
  return 'notice' in line ? `${said}. ${texts(`import.notice.${line.notice}`)}` : said
}

function addLine(list: JQuery, key: string, text: string, wrong: boolean): void {
  const line = $('<li>').toggleClass('rowline-wrong', wrong)
  if (key !== '') line.append($('<code>').text(key), ' ')
  line.append(document.createTextNode(text)).appendTo(list)
}
