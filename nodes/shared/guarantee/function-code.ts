/** What the text of a Function node tells of how it ends. It is not run. */
export interface FunctionCode {
  /** It may end without having sent or returned anything. */
  readonly drops: boolean
  /** It may send in a callback, after it has ended. */
  readonly isLate: boolean
  /** It calls node.done(). */
  readonly isDone: boolean
}

export function readFunction(func: string): FunctionCode {
  const code = withoutTexts(func)
  const own = withoutCallbacks(code)
  const sends = /\bnode\.send\b/.test(code)
  const isLate = sends && /\b(setTimeout|setInterval|setImmediate)\b|\.then\s*\(|\.on\s*\(/.test(code)
  const untilSend = own.replace(/\bnode\.send\b[\s\S]*/, 'sent')
  const returnsNothing = /\breturn\s*(null|undefined)?\s*([;}\n]|$)/.test(untilSend)
  const mayReturnNothing = nullBranch.test(own) || !leaves(folded(own))
  const drops = !isLate && (returnsNothing || (!sends && mayReturnNothing))
  return { drops, isLate, isDone: /\bnode\.done\s*\(/.test(code) }
}

/** `return x ? msg : null`. An array that has it fills one output or another. */
const nullBranch =
  /\breturn\b(?!\s*\[)(?:[^;{}\n]|\n(?=\s*[?:]))*?(\?\s*(null|undefined)\s*:|:\s*(null|undefined)\s*([;})\n]|$))/

const texts =
  /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/.*|([(,=:[!&|?]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])*\//g

/** In one pass: a comment may have a quote, a string two slashes, and a regular expression both. */
const withoutTexts = (code: string): string =>
  code.replace(texts, (text, before: string | undefined) =>
    before !== undefined ? `${before}''` : /^\/[/*]/.test(text) ? ' ' : "''",
  )

const callback = /(=>|\bfunction\b[^(){}]*\([^(){}]*\))\s*\{([^{}]*)\}/g

/** What callbacks return is not what the Function returns; what they send, it sends. */
function withoutCallbacks(code: string): string {
  let [own, before] = [code, '']
  while (own !== before) {
    before = own
    own = own.replace(
      callback,
      (_, head: string, body: string) => `${head} ${body.match(/\bnode\.send\b/)?.[0] ?? "''"}`,
    )
    // Blocks that are left: with other brackets, so that what is around them is the innermost.
    if (own === before) own = own.replace(/\{([^{}]*)\}/g, '⟦$1⟧')
  }
  return own.replaceAll('⟦', '{').replaceAll('⟧', '}')
}

const block = /(\)\s*|\bswitch\s*¶\s*)?\{([^(){}]*)\}/g

/** Each pair of brackets as one sign, from inside out: § for a block that always leaves the Function. */
function folded(code: string): string {
  let [text, before] = [code, '']
  while (text !== before) {
    before = text
    text = text.replace(/\([^(){}]*\)/g, '¶').replace(block, (all, head: string | undefined, inner: string) => {
      // What is in the brackets before it comes first.
      if (head?.startsWith(')')) return all
      return (head ? leavesSwitch(inner) : leaves(inner)) ? '§' : '¶'
    })
  }
  return text
}

/** Whether statements without brackets always come to a `return` or `throw`. */
function leaves(statements: string): boolean {
  let text = statements.replace(/\b(return|throw)\b[^;\n§]*/g, '§')
  for (let before = ''; before !== text; ) {
    before = text
    text = text
      .replace(/\bif\s*¶\s*§[\s;]*\belse\s*§/g, '§')
      .replace(/\btry\s*§(?=\s*finally\b)/g, '§')
      .replace(/\btry\s*§\s*catch\s*(¶\s*)?§/g, '§')
  }
  const always = text.replace(/\b(if|for|while)\s*¶\s*§|\b(else|try)\s*§|\bcatch\s*(¶\s*)?§/g, '')
  return always.includes('§')
}

function leavesSwitch(cases: string): boolean {
  const [, last] = cases.split(/\bdefault\s*:/)
  return last !== undefined && !/\bbreak\b/.test(cases) && leaves(last)
}
