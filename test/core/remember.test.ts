import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { remember } from '../../src/core/remember.ts'

describe('remember', () => {
  const counted = () => {
    let calls = 0
    const get = remember((name) => ({ name, call: ++calls }))
    return { get, calls: () => calls }
  }

  it('makes what belongs to a name once', () => {
    const { get, calls } = counted()
    assert.equal(get('a'), get('a'))
    assert.notEqual(get('a'), get('b'))
    assert.equal(calls(), 2)
  })

  it('keeps nothing of names that are too long to keep many of', () => {
    const { get } = counted()
    const name = 'x'.repeat(1025)
    assert.equal(get(name).name, name)
    assert.notEqual(get(name), get(name))
  })

  it('forgets when there are more than 10,000 names, and still gives each its own', () => {
    const { get, calls } = counted()
    for (let i = 0; i < 10_001; i++) assert.equal(get(`n${i}`).name, `n${i}`)
    assert.equal(get('n0').name, 'n0')
    assert.equal(calls(), 10_002)
  })

  it('passes a failure on and tries again', () => {
    let calls = 0
    const get = remember((): string => {
      if (++calls === 1) throw new Error('first')
      return 'made'
    })
    assert.throws(() => get('a'), /first/)
    assert.equal(get('a'), 'made')
  })
})
