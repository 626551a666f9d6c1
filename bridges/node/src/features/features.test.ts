import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { z as z3 } from 'zod/v3'
import { checkedInput, checksOf } from './checks.ts'
import { itemsOf } from './responses.ts'

const request = (more: Record<string, unknown>): Record<string, unknown> =>
  ({ body: {}, headers: {}, pathParams: {}, queryParams: {}, rawBody: 'raw', ...more })

void describe('checks', () => {
  for (const [name, zod] of [['Zod 4', z], ['Zod 3', z3 as unknown as typeof z]] as const) {
    void it(`gives the handler what the schemas make of the request (${name})`, async () => {
      const checks = checksOf({
        bodySchema: zod.object({ title: zod.string().trim(), when: zod.date(), tags: zod.array(zod.string()).default([]) }),
        queryParams: zod.object({ limit: zod.coerce.number() }),
        pathParams: [{ name: 'id' }],
        responseSchema: { 200: zod.string() },
      })
      assert.deepEqual(Object.keys(checks), ['bodySchema', 'queryParams'])
      const given = request({ body: { title: ' a ', when: '2026-01-02T03:04:05Z', more: 1 }, queryParams: { limit: '5' } })
      assert.deepEqual(await checkedInput(checks, 'api', given), request({
        body: { title: 'a', when: new Date('2026-01-02T03:04:05Z'), tags: [] }, queryParams: { limit: 5 },
      }))
    })

    void it(`tells everything that is wrong with a request at once, with where it stands (${name})`, async () => {
      const checks = checksOf({
        bodySchema: zod.object({ items: zod.array(zod.object({ n: zod.number() })) }).refine((body) => body.items.length > 1, 'too few'),
        queryParams: zod.object({ limit: zod.coerce.number() }),
      })
      const given = request({ body: { items: [{ n: 'x' }] }, queryParams: { limit: 'many' } })
      await assert.rejects(checkedInput(checks, 'api', given), (error: { name: string; data: { issues: { path: unknown[] }[] } }) => {
        assert.equal(error.name, 'contract_broken')
        const paths = error.data.issues.map((issue) => issue.path)
        assert.deepEqual([paths[0], paths.at(-1)], [['items', 0, 'n'], ['queryParams', 'limit']])
        return true
      })
    })
  }

  void it('checks the input of an event, waits for what is asynchronous, and leaves a cron step alone', async () => {
    const checks = checksOf({ input: z.object({ id: z.string().refine(async (id) => Promise.resolve(id !== 'gone'), 'is gone') }) })
    assert.deepEqual(await checkedInput(checks, 'event', { id: 'a', more: 1 }), { id: 'a' })
    await assert.rejects(checkedInput(checks, 'event', { id: 'gone' }), { name: 'contract_broken', message: 'id: is gone' })
    assert.equal(await checkedInput(checks, 'cron', null), null)
  })

  void it('passes on what user code in a schema throws', async () => {
    const checks = checksOf({ input: z.string().transform(() => { throw new RangeError('no such thing') }) })
    await assert.rejects(checkedInput(checks, 'event', 'x'), { name: 'RangeError' })
  })
})

void describe('responses', () => {
  const streamed: [name: string, body: unknown][] = [
    ['an async generator', (async function* () { yield await Promise.resolve(1) })()],
    ['a generator', (function* () { yield 1 })()],
    ['a Node stream', Readable.from([1])],
    ['a web stream', new Blob(['x']).stream()],
  ]
  for (const [name, body] of streamed) void it(`asks ${name} for its items`, () => { assert.equal(itemsOf({ status: 200, body }), body) })

  const whole: unknown[] = ['text', [1], Buffer.from('x'), new Set([1]), { a: 1 }, null, undefined, 7]
  for (const body of whole) void it(`takes ${String(body)} as it is`, () => { assert.equal(itemsOf({ status: 200, body }), null) })
  void it('takes what is no answer as it is', () => { assert.equal(itemsOf('x'), null) })
})
