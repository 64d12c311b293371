import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSettings } from '../../src/config/settings-text.ts'
import { Problem } from '../../src/core/problem.ts'

const read = (text: string) => {
  const settings = readSettings(text)
  return settings instanceof Problem ? settings.text : Object.fromEntries(settings)
}

describe('a pasted dictionary', () => {
  it('may be Python, with comments, a name before it and a comma behind the last entry', () => {
    const text = `# my producer
conf = {
    'bootstrap.servers': "k1:9092,k2:9092",  # two of them
    'enable.idempotence': True, 'retries': 10,
    "client.id": '',
    'sasl.username': None,
    'password # no comment': 'a\\'b"c',
}
Producer(conf)`
    assert.deepEqual(read(text), {
      'bootstrap.servers': 'k1:9092,k2:9092',
      'enable.idempotence': 'True',
      retries: '10',
      'password # no comment': 'a\'b"c',
    })
  })

  it('may be JSON, nested, with lists', () => {
    const text =
      '{"kafka": {"config": {"bootstrap.servers": ["k1:9092", "k2:9092"], "acks": -1, "x": null, "y": "a\\u0041\\n"}}}'
    assert.deepEqual(read(text), { 'bootstrap.servers': 'k1:9092,k2:9092', acks: '-1', y: 'aA\n' })
  })

  it('keeps variables and the last of equal keys', () => {
    assert.deepEqual(read("{'a': '${A}', 'a': '${B}'}"), { a: '${B}' })
  })

  it('says where it cannot be read', () => {
    assert.equal(read("{'a': os.environ['X']}"), 'cannot be read at "["')
    assert.equal(read("{'a' 'b'}"), 'cannot be read at "a"')
    assert.equal(read("{'a': 'b' 'c'}"), 'cannot be read at "c"')
    assert.equal(read("{'a': 'b'"), 'cannot be read: a closing brace is missing')
    assert.equal(read("{'a': 'b"), `cannot be read at "'b"`)
    assert.equal(read('{"a": }'), 'cannot be read at "}"')
  })
})

describe('pasted lines', () => {
  it('may be Java properties, with comments, escapes and values over several lines', () => {
    const text = `# producer
! too
bootstrap.servers=k1:9092,\\
    k2:9092
sasl.jaas.config : a.b.PlainLoginModule required username="u" password="p=1";
ssl.ca.location = C:\\certs\\ca.pem
key\\=odd value
client.id=
umlaut=\\u00fc`
    assert.deepEqual(read(text.replaceAll('\n', '\r\n')), {
      'bootstrap.servers': 'k1:9092,k2:9092',
      'sasl.jaas.config': 'a.b.PlainLoginModule required username="u" password="p=1";',
      'ssl.ca.location': 'C:\\certs\\ca.pem',
      'key=odd': 'value',
      umlaut: 'ü',
    })
  })

  it('may be YAML, TOML, or the inside of a dictionary', () => {
    const text = `[kafka]
kafka:
  config:
    bootstrap.servers: "k1:9092" # the first
"client.id" = 'gateway'
'acks': 'all',
retries: 5
group.id: null`
    assert.deepEqual(read(text), { 'bootstrap.servers': 'k1:9092', 'client.id': 'gateway', acks: 'all', retries: '5' })
  })

  it('may be none', () => {
    assert.deepEqual(read(''), {})
    assert.deepEqual(read('\n# nothing\n'), {})
    assert.deepEqual(read('{}'), {})
  })
})
