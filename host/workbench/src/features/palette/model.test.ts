// @vitest-environment jsdom
import { describe, expect, it } from 'vitest'
import type { Steps } from '../../services/shapes.ts'
import { actionEntries, groupEntries, isTraceId, keyEntries, keySearch, searcher, stepEntries, used, type Entry } from './model.ts'

const entry = (id: string, label: string): Entry => ({ id, label, kind: 'Step', hint: '', act: { href: `/${id}` } })

const found = {
  steps: [
    { name: 'PlaceOrder', type: 'api', method: 'POST', path: '/orders', emits: ['order.placed'], flows: ['shop'], file: 'steps/order.step.ts', error: null },
    { name: 'steps/broken.step.ts', type: null, file: 'steps/broken.step.ts', error: 'broken' },
  ],
  streams: [{ name: 'a/b', type: 'stream', file: 'steps/b.stream.ts', error: null }],
} as unknown as Steps

const hrefs = (entries: readonly Entry[]): (string | null)[] => entries.map(({ act }) => ('href' in act ? act.href : null))

describe('entries', () => {
  it('lead to pages that there are', () => {
    expect(hrefs(stepEntries(found, () => false))).toEqual([
      '/__polystep/steps?step=PlaceOrder',
      '/__polystep/steps?step=PlaceOrder',
      '/__polystep/steps?step=steps%2Fbroken.step.ts',
      '/__polystep/streams/a%2Fb',
      '/__polystep/traces?q=order.placed',
    ])
    expect(hrefs(stepEntries(found, () => true)).slice(-2)).toEqual(['/__polystep/emit?topic=order.placed', '/__polystep/flows/shop'])
  })

  it('hold any name of a group and a key', () => {
    expect(hrefs(groupEntries([{ group: '..' }, { group: 'a b' }]))).toEqual(['/__polystep/state?group=..', '/__polystep/state/a%20b'])
    expect(hrefs(keyEntries('g', [{ key: '' }, { key: '<b>' }]))).toEqual(['/__polystep/state/g?key=%22%22', '/__polystep/state/g?key=%3Cb%3E'])
  })

  it('list an action once, as the view on top offers it', () => {
    const act = (label: string) => ({ id: 'search', label, keys: ['/'], group: 'Here', perform: () => undefined })
    expect(actionEntries([act('Search'), act('Search the logs')]).map(({ label, hint }) => [label, hint])).toEqual([['Search the logs', '/']])
  })
})

describe('the search', () => {
  const find = searcher([entry('1', 'Go to Traces'), entry('2', 'PlaceOrder'), entry('3', 'Packaging'), entry('4', '<script>')])
  const labels = (text: string, recent: string[] = []): string[] => find(text, recent).map((each) => each.label)

  it('takes letters in order, whatever their case', () => {
    expect(labels('plor')).toEqual(['PlaceOrder'])
    expect(labels('TRACES')).toEqual(['Go to Traces'])
    expect(labels('<scr')).toEqual(['<script>'])
    expect(labels('zzz')).toEqual([])
  })

  it('begins with the recent ones', () => {
    expect(labels('', used(used([], '2'), '3'))).toEqual(['Packaging', 'PlaceOrder', 'Go to Traces', '<script>'])
    expect(labels('', ['gone'])).toHaveLength(4)
  })

  it('shows a bounded number of many', () => {
    const many = searcher(Array.from({ length: 5000 }, (_, at) => entry(`${at}`, `Step number ${at}`)))
    expect(many('step', []).length).toBe(50)
    expect(many('4321', [])[0]?.label).toBe('Step number 4321')
  })
})

it('tells ids of traces and places of keys from other texts', () => {
  expect([isTraceId('6b0d'), isTraceId('6b'), isTraceId('orders')]).toEqual([true, false, false])
  expect(keySearch('a/b/c', ['a', 'a/b'])).toEqual({ group: 'a/b', prefix: 'c' })
  expect(keySearch('b/c', ['a'])).toBeNull()
})
