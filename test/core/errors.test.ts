import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import type { Fields } from '../../src/config/fields.ts'
import { type ErrorCode, errorTable, messageOf, PipelineError, toPipelineError } from '../../src/core/errors.ts'

const root = new URL('../../', import.meta.url)
const codes = Object.keys(errorTable) as ErrorCode[]
const holesOf = (code: ErrorCode) => [...errorTable[code].message.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!)

interface ThrowSite {
  readonly where: string
  readonly codes: readonly ErrorCode[]
  readonly details: readonly string[]
}

/** Every `new PipelineError(...)` in the product. A code that is not written out may be any that `where` names. */
function throwSites(): ThrowSite[] {
  return ['src', 'nodes'].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => sitesIn(`${folder}/${file}`, readFileSync(new URL(`${folder}/${file}`, root), 'utf8'))),
  )
}

function sitesIn(where: string, source: string): ThrowSite[] {
  return [...source.matchAll(/new PipelineError\(/g)].map(({ index }) => {
    const [code = '', details = ''] = argumentsAt(source, index + 'new PipelineError('.length)
    const named = quotedCodes(code)
    return {
      where: `${where}: ${code}`,
      codes: named.length > 0 ? named : quotedCodes(source),
      details: [...details.matchAll(/(?:^\{|,)\s*(\w+)\s*(?=[,:}])/g)].map((match) => match[1]!),
    }
  })
}

const quotedCodes = (text: string) => codes.filter((code) => text.includes(`'${code}'`))

/** The source texts of the arguments of a call, from behind its parenthesis. Nested commas do not separate. */
function argumentsAt(source: string, start: number): string[] {
  const texts = ['']
  for (let at = start, depth = 0; depth >= 0; at++) {
    const char = source[at]!
    if ('([{'.includes(char)) depth++
    if (')]}'.includes(char)) depth--
    if (depth === 0 && char === ',') texts.push('')
    else if (depth >= 0) texts[texts.length - 1] += char
  }
  return texts.map((text) => text.trim())
}

test('every place that makes an error fills all the holes of its message', () => {
  const sites = throwSites()
  assert.ok(sites.length > 25, `found ${sites.length} places`)
  for (const { where, codes, details } of sites) {
    assert.ok(codes.length > 0, `${where} names no code of the table`)
    for (const code of codes)
      for (const hole of holesOf(code)) assert.ok(details.includes(hole), `${where} does not give {${hole}} of ${code}`)
  }
})

test('a filled message has no holes, whatever the details contain', () => {
  for (const code of codes) {
    const details = Object.fromEntries(holesOf(code).map((hole) => [hole, `<$& ${hole} $1>`]))
    const { message, disposition } = new PipelineError(code, details)
    assert.doesNotMatch(message, /\{\w+\}/, code)
    for (const hole of holesOf(code)) assert.ok(message.includes(`<$& ${hole} $1>`), code)
    assert.equal(disposition, errorTable[code].disposition)
  }
})

test('a detail that looks like a hole is not filled in turn', () => {
  const error = new PipelineError('BROKER_REFUSED', { broker: '{problem}', problem: 'no' })
  assert.match(error.message, /broker \{problem\} refuses/)
})

test('every error that is the fault of the record has a reason in kebab case', () => {
  for (const code of codes) {
    const { reason, disposition } = new PipelineError(code)
    assert.match(reason, /^[a-z]+(-[a-z]+)*$/)
    assert.equal(disposition === 'reject', 'reason' in errorTable[code], code)
  }
})

test('a message names fields as the form shows them, and by no other name', () => {
  const all = (fields: Fields): (readonly [string, string])[] =>
    Object.entries(fields).flatMap(([name, { label, columns }]) => [[name, label] as const, ...all(columns ?? {})])
  const fields = declarations.flatMap((declaration) => all(declaration.fields))
  const labels = new Set(fields.map(([, label]) => label))
  const properties = fields.map(([name]) => name).filter((name) => /[a-z][A-Z]/.test(name))
  let quoted = 0
  for (const code of codes) {
    const text = errorTable[code].message.replaceAll(/\{\w+\}/g, '')
    for (const property of properties) assert.ok(!text.includes(property), `${code} says ${property}`)
    for (const [, name] of text.matchAll(/"([A-Z][^"]*)"/g)) assert.ok(labels.has(name!), `${code}: "${name}"`)
    quoted += [...text.matchAll(/"([A-Z][^"]*)"/g)].length
  }
  assert.ok(quoted >= 8, `${quoted} fields are named`)
})

test('what is not understood is retried and keeps its cause; what is ours passes through', () => {
  const cause = new TypeError('odd')
  const error = toPipelineError(cause)
  assert.deepEqual([error.code, error.disposition, error.message], ['UNKNOWN', 'retry', 'odd'])
  assert.equal(error.cause, cause)
  assert.equal(toPipelineError(error), error)
  assert.equal(toPipelineError('text').message, 'text')
  assert.equal(toPipelineError(undefined).message, 'undefined')
})

test('an error that only bundles others, as for a host with two addresses, says what they say', () => {
  const refused = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}:1883`))
  const bundle = new AggregateError(refused)
  assert.equal(messageOf(bundle), 'connect ECONNREFUSED ::1:1883; connect ECONNREFUSED 127.0.0.1:1883')
  assert.equal(messageOf(new AggregateError(refused, 'all failed')), 'all failed')
  assert.equal(messageOf(new AggregateError([])), 'AggregateError')
})
