import { expect, it } from 'vitest'
import type { Emitted } from '../../api/results.ts'
import { RequestFailed } from '../../services/http.ts'
import { copiesOf, copyOf, outcomeWords } from './copies.ts'
import { send, sends } from './sends.ts'

const DRAFT = { data: '{"n": {{i}}, "name": "no {{i}}"}', fifoKey: 'k{{i}}' }
const accepted = (traceId: string): Emitted => ({ topic: 't', traceId, deliveries: [], parked: false }) as unknown as Emitted

it('reads a number of copies from 1 to 1,000', () => {
  expect(['', ' 7 ', '1000', '1001', '0', '-1', '1e2', '1.5', 'x'].map(copiesOf)).toEqual([1, 7, 1000, null, null, null, null, null, null])
})

it('puts the number of a copy into data and key, and leaves a single event as it is', () => {
  expect(copyOf(DRAFT, 12, 20)).toEqual({ data: '{"n": 12, "name": "no 12"}', fifoKey: 'k12' })
  expect(copyOf(DRAFT, 1, 1)).toBe(DRAFT)
})

it('emits copies in their order, counts those that do not fit, and keeps the first traces', async () => {
  const given: string[] = []
  const sent = await send('t', '', DRAFT, 20, ({ source, fifoKey }) => {
    given.push(`${String(fifoKey)} ${source}`)
    return given.length % 10 === 3 ? Promise.reject(new RequestFailed(400, `no ${given.length}`)) : Promise.resolve(accepted(`trace${given.length}`))
  })
  expect(given[19]).toBe('k20 {"n": 20, "name": "no 20"}')
  expect(sent.outcome).toEqual({ count: 20, accepted: 18, refused: 2, reason: { number: 3, message: 'no 3' }, ended: true, stopped: false })
  expect(sent.emitted.map((each) => each.traceId)).toEqual(['trace1', 'trace2', 'trace4', 'trace5', 'trace6'])
  expect(outcomeWords(sent.outcome)).toBe('18 of 20 accepted, 2 refused')
  expect(sends.get('t')?.[0]).toBe(sent)
})

it('sends no more once it is stopped, or when the host cannot take more', async () => {
  let calls = 0
  const stopped = await send('s', '', DRAFT, 1000, () => {
    calls += 1
    if (calls === 3) sends.get('s')?.[0]?.stop()
    return Promise.resolve(accepted('a'))
  })
  expect([calls, outcomeWords(stopped.outcome)]).toEqual([3, '3 of 1,000 accepted, 997 not sent, as you stopped it'])
  const full = await send('f', '', DRAFT, 5, () => Promise.reject(new RequestFailed(503, 'The queue is full.')))
  expect([full.error?.message, outcomeWords(full.outcome)]).toEqual(['The queue is full.', '0 of 5 accepted, 5 not sent'])
})
