import { expect, it } from 'vitest'
import type { StepRow } from '../../api/results.ts'
import { formOf, matches, subscriberWords, topicOf, topicsOf } from './model.ts'

const step = (name: string, change: Partial<StepRow>): StepRow => ({ name, type: 'event', language: 'python', file: `steps/${name}`, error: null, emits: [], subscribes: [], ...change })
const STEPS = [
  step('Order', { type: 'api', emits: ['placed', 'lost'] }),
  step('Pack', { subscribes: ['placed'] }),
  step('Bill', { subscribes: ['placed', 'due'], input: { type: 'object' } }),
]

it('lists every topic, and those that nobody consumes last', () => {
  expect(topicsOf(STEPS).map((each) => each.topic)).toEqual(['due', 'placed', 'lost'])
  expect(subscriberWords(topicOf(STEPS, 'lost'))).toBe('nobody consumes it; Order emits it')
  expect(subscriberWords(topicOf(STEPS, 'placed'))).toBe('Pack, Bill')
  expect(matches(topicOf(STEPS, 'placed'), 'pac')).toBe(true)
})

it('makes the form of the subscriber that is named, or of one with a schema', () => {
  const { subscribers } = topicOf(STEPS, 'placed')
  expect(formOf(subscribers, '')?.name).toBe('Bill')
  expect(formOf(subscribers, 'Pack')?.name).toBe('Pack')
})
