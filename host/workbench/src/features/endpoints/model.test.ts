import { expect, it } from 'vitest'
import type { StepRow } from '../../api/results.ts'
import { answerOf, eventsOf, problemsOf, streamItems } from './answer.ts'
import { addressOf, draftOf, endpointsOf, gapsOf, requestOf, valuesOf, withoutSecrets } from './model.ts'

const step = (change: Partial<StepRow>): StepRow => ({ name: 'Get', type: 'api', language: 'python', file: 'steps/a_step.py', error: null, flows: [], method: 'GET', path: '/', ...change })
const pair = (name: string, value: string, on = true) => ({ name, value, on, declared: true, required: false, about: '' })

it('lists a step under each of its flows, those without one last, and finds them by words', () => {
  const steps = [step({ name: 'A', path: '/a' }), step({ name: 'B', path: '/b', flows: ['y', 'x'] }), step({ name: 'E', type: 'event' })]
  expect([...endpointsOf(steps, '').keys()]).toEqual(['x', 'y', 'Without a flow'])
  expect([...endpointsOf(steps, 'get /b').keys()]).toEqual(['x', 'y'])
})

it('fills a path so that no value leaves its segment', () => {
  const route = '/users/:id/files/*'
  const draft = { ...draftOf(step({ path: route })), path: [pair('id', '../a b'), pair('*', 'x/../y z')], query: [pair('q', 'a&b'), pair('q', 'c'), pair('off', '1', false)] }
  expect(addressOf(route, draft)).toBe('/users/..%2Fa%20b/files/x/%2E%2E/y%20z?q=a%26b&q=c')
  expect(valuesOf(draft.query)).toEqual({ q: ['a&b', 'c'] })
  expect(addressOf('/a/:id?', { ...draft, path: [pair('id', 'x', false)], query: [] })).toBe('/a')
})

it('begins with what the step declares', () => {
  const draft = draftOf(step({ method: 'POST', path: '/t/:id', bodySchema: { type: 'object', properties: { n: { type: 'integer' } } }, queryParams: [{ name: 'limit', required: true, schema: { type: 'integer', minimum: 3 } }], pathParams: [{ name: 'id', description: 'which' }] }))
  expect([draft.query[0]?.value, draft.query[0]?.on, draft.path[0]?.about, JSON.parse(draft.body)]).toEqual(['3', true, 'which', { n: 1 }])
  expect(gapsOf(draft)).toEqual(['The path needs a value for id.'])
})

it('sends no header that is none, and keeps no secret', () => {
  const draft = { ...draftOf(step({})), headers: [pair('x y', '1'), pair('Authorization', 'Bearer s3cret')], query: [pair('api_key', 's3cret')] }
  expect(gapsOf(draft)).toEqual(['"x y" is no header that can be sent.'])
  expect(requestOf(step({}), draft).headers.Authorization).toBe('Bearer s3cret')
  expect(JSON.stringify(withoutSecrets(draft))).not.toContain('s3cret')
})

const answered = (body: string, type = 'application/json', status = 200) =>
  answerOf(`{"status":${status},"headers":{"content-type":"${type}"},"body":${body},"sizeBytes":1,"cut":false,"ended":true,"firstByteMs":1,"durationMs":2,"traceId":null}`)

it('keeps numbers of a body as they were written, and tells kinds of bodies apart', () => {
  expect(answered('{"n": 9007199254740993}').body).toEqual({ kind: 'json', source: '{"n":9007199254740993}' })
  expect(answered('"<h1>"', 'text/html').body).toEqual({ kind: 'text', text: '<h1>' })
  expect(answered('{"$bytes": "AA=="}', 'image/png').body).toEqual({ kind: 'bytes', base64: 'AA==', image: 'image/png' })
  expect(answered('{"$bytes": "AA=="}', 'image/svg+xml').body).toEqual({ kind: 'bytes', base64: 'AA==', image: null })
  expect(answered('""').body.kind).toBe('none')
  expect(eventsOf('event: a\ndata: 1\ndata: 2\n\ndata: 3\n\n: beat\n\n')).toEqual([{ event: 'a', data: '1\n2' }, { event: 'message', data: '3' }])
})

it('reads what the host refused by path, and finds items of streams', () => {
  const refused = answered('{"error": "Validation failed", "issues": [{"path": ["a", 0], "message": "is wrong"}]}', 'application/json', 400)
  expect(problemsOf(refused)).toEqual([{ path: ['a', 0], message: 'is wrong' }])
  expect(problemsOf(answered('{"issues": [{"path": ["a"], "message": "m"}]}'))).toEqual([])
  const mark = { streamName: 's', groupId: 'g', id: 'i' }
  expect(streamItems({ item: { __motia: mark, more: { __motia: {} } } })).toEqual([{ stream: 's', group: 'g', id: 'i' }])
})
