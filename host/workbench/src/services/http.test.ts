import { expect, it } from 'vitest'
import { RequestFailed, call, callText, callWhole, readHealth, requestOf } from './http.ts'

const answering = (status: number, body: unknown) => () => Promise.resolve(new Response(JSON.stringify(body), { status }))

it('puts names into the path, and what is left into the query', () => {
  expect(requestOf('trace', { id: 'a/b?c' })).toEqual({ method: 'GET', path: 'traces/a%2Fb%3Fc' })
  expect(requestOf('traces', { limit: 5, status: 'failed', before: null })).toEqual({ method: 'GET', path: 'traces?limit=5&status=failed' })
  expect(requestOf('state', { group: '..' })).toEqual({ method: 'GET', path: 'state/?group=..' })
  expect(requestOf('state_set', { group: '.', key: '..', version: '7', value: 1 })).toEqual({ method: 'PUT', path: 'state//?group=.&key=..&version=7', body: '{"value":1}' })
})

it('sends what an operation that changes something takes as JSON', () => {
  const { method, path, body } = requestOf('state_set', { group: 'g', key: 'k', version: '7', value: { a: 1 } })
  expect([method, path, body]).toEqual(['PUT', 'state/g/k?version=7', '{"value":{"a":1}}'])
  expect(requestOf('state_delete', { group: 'g', key: 'k' })).toEqual({ method: 'DELETE', path: 'state/g/k' })
  expect(requestOf('fire', { step: 'Nightly' })).toEqual({ method: 'POST', path: 'cron/Nightly/run', body: '{}' })
})

it('says what the host says', async () => {
  const refused = call('trace', { id: 'x' }, { ask: answering(404, { error: 'Not found', hint: 'There is no x.' }) })
  await expect(refused).rejects.toMatchObject({ status: 404, message: 'Not found', hint: 'There is no x.' })
  const odd = call('trace', { id: 'x' }, { ask: () => Promise.resolve(new Response('<html>', { status: 502 })) })
  await expect(odd).rejects.toMatchObject({ status: 502, message: 'HTTP 502' })
})

it('says that no host answers', async () => {
  const silent = call('steps', {}, { ask: () => Promise.reject(new TypeError('fetch failed')) })
  await expect(silent).rejects.toEqual(expect.any(RequestFailed))
  await expect(silent).rejects.toMatchObject({ status: 0 })
})

it('reads the health of a host that starts', async () => {
  const health = await readHealth({ ask: answering(503, { status: 'starting', version: '1', uptimeS: 0.1 }) })
  expect(health.status).toBe('starting')
})

it('reads and sends values as their source text', async () => {
  const sent: unknown[] = []
  const ask = (path: string, options?: RequestInit): Promise<Response> => {
    sent.push([path, options?.method, options?.body])
    return Promise.resolve(new Response('{"value":9007199254740993}'))
  }
  const options = { ask, member: 'value', source: '{"n":9007199254740993}' } as const
  expect(await callText('state_set', { group: 'g', key: 'k', version: '7' }, options)).toBe('{"value":9007199254740993}')
  expect(sent).toEqual([['/__polystep/api/state/g/k?version=7', 'PUT', '{"value":{"n":9007199254740993}}']])
})

it('reads a list to its end, part after part', async () => {
  const parts: Record<string, object> = {
    'api/steps': { steps: [{ name: 'A' }], streams: [], warnings: ['w'], findings: [], cursor: '1' },
    'api/steps?cursor=1': { steps: [{ name: 'B' }], streams: [{ name: 'S' }], warnings: [], findings: [], cursor: null },
  }
  const asked: string[] = []
  const ask = (path: string) => {
    asked.push(path)
    return Promise.resolve(new Response(JSON.stringify(parts[path.replace('/__polystep/', '')])))
  }
  const whole = await callWhole('steps', {}, { ask })
  expect(whole).toEqual({ steps: [{ name: 'A' }, { name: 'B' }], streams: [{ name: 'S' }], warnings: ['w'], findings: [], cursor: null })
  expect(asked).toHaveLength(2)
})
