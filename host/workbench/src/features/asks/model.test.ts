import { describe, expect, it } from 'vitest'
import { blankAnswer } from './model.ts'

const answer = (schema: unknown): unknown => JSON.parse(blankAnswer(schema)) as unknown

describe('blankAnswer', () => {
  it('has what must be there, and says yes to nothing', () => {
    const properties = { ok: { type: 'boolean' }, note: { type: 'string' }, count: { type: 'integer' } }
    expect(answer({ type: 'object', properties, required: ['ok', 'count'] })).toMatchObject({ ok: false })
    expect(Object.keys(answer({ type: 'object', properties, required: ['ok', 'count'] }) as object)).toEqual(['ok', 'count'])
  })

  it('begins with no for a bare decision, and with an object without a schema', () => {
    expect(answer({ type: 'boolean' })).toBe(false)
    expect(answer(null)).toEqual({})
  })
})
