import { askPermission } from '../../../src/config/editor-questions.ts'

/** Why there is no answer: a key of `askTexts`. */
export type AskFailure = 'refused' | 'busy' | 'unanswered'

interface Listener {
  line(line: object): void
  end(failure: AskFailure | undefined): void
}

export const mayAsk = (): boolean => RED.user.hasPermission(askPermission)

/** Posts a question; `line` hears each line of the answer as it comes. Returns what breaks it off, after which nothing is heard. */
export function askRuntime(path: string, question: object, { line, end }: Listener): () => void {
  let isOver = false
  let read = 0
  const take = (text: string, isWhole: boolean) => {
    const until = isWhole ? text.length : text.lastIndexOf('\n') + 1
    for (const each of text.slice(read, until).split('\n')) if (each !== '') line(JSON.parse(each) as object)
    read = Math.max(read, until)
  }
  const hear = ({ currentTarget }: ProgressEvent<XMLHttpRequest>) => {
    const { responseText, status } = currentTarget as XMLHttpRequest
    if (!isOver && status === 200) take(responseText, false)
  }
  // Relative: only then the editor adds its token.
  const request = $.ajax(`rowline/${path}`, {
    method: 'POST',
    contentType: 'application/json',
    data: JSON.stringify(question),
    dataType: 'text',
    xhrFields: { onprogress: hear } as JQuery.AjaxSettings['xhrFields'] & object,
  })
  request.done((text: string) => {
    if (isOver) return
    take(text, true)
    end(undefined)
  })
  request.fail(({ status }) => {
    if (!isOver) end(status === 401 || status === 403 ? 'refused' : status === 429 ? 'busy' : 'unanswered')
  })
  return () => {
    isOver = true
    request.abort()
  }
}
