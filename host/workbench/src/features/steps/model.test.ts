import { expect, it } from 'vitest'
import type { StepRow } from '../../api/results.ts'
import { configOf, idOf, listed, schemasOf, startWords } from './model.ts'

const step = (change: Partial<StepRow>): StepRow => ({
  name: 'PlaceOrder',
  type: 'api',
  language: 'typescript',
  file: 'steps/order.step.ts',
  error: null,
  description: null,
  flows: [],
  emits: [],
  subscribes: [],
  warnings: [],
  ...change,
})
const ORDER = step({ method: 'POST', path: '/orders', emits: ['order.placed'] })
const PACK = step({ name: 'Pack', type: 'event', subscribes: ['order.placed'], file: 'steps/pack_step.py', language: 'python' })
const BROKEN = step({ name: 'broken.step.ts', type: null, file: 'steps/broken.step.ts', error: 'Syntax error' })
const FOUND = { steps: [ORDER, PACK, BROKEN], streams: [], warnings: [], findings: [], cursor: null }

it('says what starts a step', () => {
  expect(startWords(ORDER)).toBe('POST /orders')
  expect(startWords(PACK)).toBe('order.placed')
  expect(startWords(step({ type: 'cron', cron: '0 3 * * *', timezone: 'Europe/Berlin' }))).toBe('0 3 * * * · Europe/Berlin')
})

it('lists what does not load first', () => {
  expect(listed(FOUND, '').map((each) => each.name)).toEqual(['broken.step.ts', 'PlaceOrder', 'Pack'])
})

it('finds steps by what they are, where they lie and what they emit', () => {
  expect(listed(FOUND, 'python pack').map((each) => each.name)).toEqual(['Pack'])
  expect(listed(FOUND, 'order.placed').map((each) => each.name)).toEqual(['PlaceOrder', 'Pack'])
})

it('names a file that does not load by its path', () => {
  expect(idOf(BROKEN)).toBe('steps/broken.step.ts')
  expect(idOf(ORDER)).toBe('PlaceOrder')
})

it('shows of a config what it holds', () => {
  expect(configOf(ORDER)).toEqual({ method: 'POST', path: '/orders', emits: ['order.placed'] })
})

it('shows schemas apart from the config', () => {
  const found = step({ method: 'POST', bodySchema: { type: 'object' }, responseSchema: {} })
  expect(schemasOf(found)).toEqual([{ title: 'Schema of the body', schema: { type: 'object' } }])
  expect(configOf(found)).toEqual({ method: 'POST' })
})
