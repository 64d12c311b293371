import { kafkaProblems } from './problems.ts'

/** By the names and values of RFC 7628, 3.1; `auth` is the token itself. */
const extension = /^(?!auth=)([A-Za-z]+)=([\x21-\x2b\x2d-\x7e]+)$/

const partsOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

export const extensionsProblem = (text: string) =>
  partsOf(text).every((part) => extension.test(part)) ? undefined : kafkaProblems.of('extensions')

export function parseExtensions(text: string): { readonly [name: string]: string } {
  return Object.fromEntries(
    partsOf(text).flatMap((part) => {
      const [, name, value] = extension.exec(part) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )
}
