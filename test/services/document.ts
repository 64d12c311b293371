import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectDirectory } from './package.ts'

export const readDocument = (file: string): string => readFileSync(join(projectDirectory, file), 'utf8')

/** The one block of this language in a document. */
export function blockOf(document: string, language: string): string {
  const blocks = blocksOf(document, language)
  if (blocks.length !== 1) throw new Error(`the document has ${blocks.length} blocks of ${language}`)
  return blocks[0]!
}

export const blocksOf = (document: string, language: string): readonly string[] =>
  [...document.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, name, text]) => (name === language ? [text!] : []))
