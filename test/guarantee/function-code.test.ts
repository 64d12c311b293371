import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFunction } from '../../nodes/shared/guarantee/function-code.ts'

const swallowing = [
  'if (msg.x) return msg',
  'if (msg.x) return msg;\n',
  'if (msg.x) { return msg }',
  'if (msg.x)\n{\n  return msg;\n}\n',
  'return msg.x ? msg : null',
  'return msg.x\n  ? msg\n  : null;',
  'return msg.x ? undefined : msg',
  'if (msg.a) { return [msg, null] }',
  'if (msg.a) { return msg } else if (msg.b) { return [null, msg] }',
  'if (msg.a) { return msg } else { msg.b = 1 }',
  'if (msg.a) { msg.b = 1 } else { return msg }',
  'for (const a of msg.list) { if (a) return msg }',
  'switch (msg.a) { case 1: return msg; case 2: return [null, msg] }',
  'switch (f({ a: msg.a })) { case 1: return msg }',
  'switch (msg.a) { case 1: break; default: return msg }',
  'try { return msg } catch (error) { node.error(error, msg) }',
  'if (msg.bad) return; node.send(msg)',
  'if (msg.bad) { return null }\nnode.send(msg)\n',
  'const list = msg.list.map((a) => { return a })',
  'if (msg.a) return null\nreturn msg',
  'msg.url = "http://x"; if (msg.a) { return msg }',
  'return',
  '',
]

const passing = [
  'return msg',
  'return msg;\n',
  'msg.url = "http://x"; return msg',
  "msg.url = 'http://x'; return msg // don't",
  'msg.url = `http://${msg.host}`; return msg',
  'msg.host = msg.url.replace(/^https?:\\/\\//, ""); return msg',
  'msg.a = msg.a.replace(/["]/g, "x"); /* if (a) { return } */ return msg',
  'for (const p of msg.payload) { node.send(p) }\nreturn;',
  'msg.payload.forEach((p) => { if (p) { node.send(p) } }); return null',
  'if (msg.a) { node.send([msg, null]); return }\nnode.send([null, msg])',
  'return node.send(msg)',
  'if (msg.a) { msg.b = { c: 1 } }\nreturn { payload: msg.b }',
  'if (msg.a) { return msg } else { return [null, msg] }',
  'if (msg.a) return msg; else return [null, msg]',
  'if (msg.a) { return msg }\nelse if (msg.b(1)) { return msg }\nelse { return { payload: { a: 1 } } }',
  'if (msg.a) { return msg }\nreturn [null, msg]',
  'switch (msg.a) { case 1: { return msg } default: return [null, msg] }',
  'switch (f({ a: msg.a })) { case 1: return msg; default: { return [null, msg] } }',
  'try { return { payload: f(msg) } } catch (error) { throw new Error("no") }',
  'try { return msg } finally { flow.set("a", 1) }',
  'if (!msg.a) throw new Error("a { is missing")\nreturn msg',
  'return [msg.x ? msg : null, msg.x ? null : msg]',
  'return { payload: msg.x ? 1 : null }',
  'return { payload: msg.list.map((a) => { return a > 1 ? a : null }) }',
  'msg.list = msg.list.filter(function (a) { if (a) { return true } }); return msg',
  'return [\n  msg,\n  null,\n]',
]

test('a Function that may end without a message is told from one that does not', () => {
  assert.deepEqual(
    swallowing.filter((func) => !readFunction(func).drops),
    [],
  )
  assert.deepEqual(
    passing.filter((func) => readFunction(func).drops),
    [],
  )
})

test('a Function that sends in a callback is late; whether it calls node.done() is read outside of texts', () => {
  const read = (func: string) => {
    const { drops, isLate, isDone } = readFunction(func)
    return { drops, isLate, isDone }
  }
  assert.deepEqual(read('setTimeout(() => node.send(msg), 9)'), { drops: false, isLate: true, isDone: false })
  assert.deepEqual(read('get().then((a) => { node.send(a); node.done() })'), {
    drops: false,
    isLate: true,
    isDone: true,
  })
  assert.deepEqual(read('node.send(msg) // "setTimeout", node.done()'), { drops: false, isLate: false, isDone: false })
})

test('a long Function is read as a short one, and one that is no JavaScript at all comes to an end', () => {
  const nested = `${'if (f(msg)) { '.repeat(60)}return msg${' }'.repeat(60)}\n`
  const long = nested.repeat(200)
  assert.ok(readFunction(long).drops)
  assert.ok(!readFunction(`${long}return msg`).drops)
  for (const text of [')(}{', '{{{', '`"\'', 'return ((', '/*', '(/[']) readFunction(text)
})
