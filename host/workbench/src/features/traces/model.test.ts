import { expect, it } from 'vitest'
import { operation } from '../../test/factories.ts'
import { modelCallOf, requestText, tokenParts, tokensPerSecond } from './model.ts'
import { cancelWords, rerunWords, tokenWords, usualWords } from './words.ts'

const call = (attributes: object, rest: object = {}) =>
  modelCallOf(operation('http', 1, { attributes: { method: 'POST', url: 'http://x/v1/chat/completions', ...attributes }, ...rest }))

it('reads a conversation with calls of tools and their results', () => {
  const found = call(
    { model: 'm', provider: 'OpenAI', tokensIn: 9, finishReason: 'stop', streamed: true },
    { messages: [{ role: 'assistant', text: '', calls: [{ name: 'find', id: 'c', arguments: { q: 1 } }] }, { role: 'tool', text: 'found', resultOf: 'c' }], answer: { text: 'low' } },
  )
  expect(found?.messages[0]?.calls).toEqual([{ name: 'find', id: 'c', arguments: { q: 1 } }])
  expect(found?.messages[1]?.resultOf).toBe('c')
  expect([found?.answer?.text, found?.finishReason, found?.streamed]).toEqual(['low', 'stop', true])
})

it('is none without a model, and takes what a host leaves out or cuts', () => {
  expect(call({})).toBeNull()
  expect(modelCallOf(operation('state', 1))).toBeNull()
  const cut = call({ model: 'm' }, { messages: { $cut: '[{"role"', bytes: 99999 } })
  expect([cut?.cut, cut?.messages.length, cut?.answer, cut?.provider]).toEqual([true, 1, null, 'not known'])
})

it('splits tokens into parts that add up', () => {
  const parts = (attributes: object) => tokenParts(call({ model: 'm', ...attributes }) ?? (undefined as never)).map(({ kind, tokens }) => [kind, tokens])
  expect(parts({ tokensIn: 9, tokensOut: 5, tokensCached: 4, tokensReasoning: 2 })).toEqual([['cached', 4], ['in', 5], ['reasoning', 2], ['out', 3]])
  expect(parts({ tokensIn: 1, tokensOut: 1 })).toEqual([['in', 1], ['out', 1]])
  expect(parts({})).toEqual([])
})

it('says how fast an answer came, from its first part on where it was streamed', () => {
  const speed = (attributes: object, durationMs = 2000) => tokensPerSecond(call({ model: 'm', ...attributes }, { durationMs }) ?? (undefined as never))
  expect(speed({ tokensOut: 50, firstChunkMs: 1000 })).toBe(25)
  expect(speed({ tokensOut: 50, firstChunkMs: 1000, streamed: true })).toBe(50)
  expect([speed({}), speed({ tokensOut: 50 }, 0), speed({ tokensOut: 50, firstChunkMs: 2000, streamed: true })]).toEqual([null, null, null])
})

it('is copied as a request with its calls of tools', () => {
  const found = call(
    { model: 'm' },
    { messages: [{ role: 'user', text: 'Find it' }, { role: 'assistant', text: '', calls: [{ name: 'find', id: 'c', arguments: { q: 1 } }] }, { role: 'tool', text: 'found', resultOf: 'c' }], tools: ['find'] },
  )
  expect(JSON.parse(requestText(found ?? (undefined as never)))).toEqual({
    model: 'm',
    messages: [
      { role: 'user', content: 'Find it' },
      { role: 'assistant', content: '', tool_calls: [{ id: 'c', type: 'function', function: { name: 'find', arguments: '{"q":1}' } }] },
      { role: 'tool', content: 'found', tool_call_id: 'c' },
    ],
    tools: [{ type: 'function', function: { name: 'find' } }],
  })
})

it('adds up the tokens of a trace, of those calls that tell', () => {
  const use = { calls: 2, tokensIn: 1000, tokensOut: 7 }
  expect(tokenWords([use, { calls: 1, tokensIn: null, tokensOut: null }])).toBe('3 model calls: 1,000 tokens in, 7 out')
  expect(tokenWords([{ calls: 1, tokensIn: null, tokensOut: null }])).toBe('1 model call: tokens not told')
})

it('says how long a step usually takes, and which one was slow', () => {
  const usual = { workP50: 40, workP99: 100 }
  expect(usualWords(usual, 60)).toBe('40 ms')
  expect(usualWords(usual, 104)).toBe('40 ms')
  expect(usualWords(usual, 300)).toBe('40 ms, slower than 99 of 100')
  expect(usualWords(undefined, 300)).toBe('–')
  expect(usualWords({ workP50: null, workP99: null }, 300)).toBe('–')
})

it('says what a rerun finds and does again, and what a cancellation ends', () => {
  expect(rerunWords(['a', 'b', 'c'], 'a')).toBe('It finds nothing that was kept; a and 2 keys after it are done again.')
  expect(rerunWords(['a', 'b', 'c'], 'c')).toBe('It finds a, b; c is done again.')
  expect(rerunWords(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], 'h')).toBe('It finds a, b, c, d, e and 2 more keys; h is done again.')
  expect(cancelWords('running')).toContain('Its handler runs, and is ended.')
  expect(cancelWords(undefined)).toContain('It has not started')
  expect(cancelWords('suspended')).toContain('asks are closed')
})
