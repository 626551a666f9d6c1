import type { StepRow } from '../../api/results.ts'

export interface Topic {
  topic: string
  subscribers: readonly StepRow[]
  /** Names of the steps that say they emit it. */
  emitters: readonly string[]
}

/** Every topic that a step emits or subscribes to, by name; those that nobody consumes come last. */
export function topicsOf(steps: readonly StepRow[]): Topic[] {
  const names = new Set(steps.flatMap((each) => [...(each.emits ?? []), ...(each.subscribes ?? [])]))
  const all = [...names].map((topic) => topicOf(steps, topic))
  return all.sort((a, b) => Number(a.subscribers.length === 0) - Number(b.subscribers.length === 0) || a.topic.localeCompare(b.topic))
}

export const topicOf = (steps: readonly StepRow[], topic: string): Topic => ({
  topic,
  subscribers: steps.filter((each) => each.type === 'event' && (each.subscribes ?? []).includes(topic)),
  emitters: steps.filter((each) => (each.emits ?? []).includes(topic)).map((each) => each.name),
})

export const matches = ({ topic, subscribers, emitters }: Topic, text: string): boolean =>
  [topic, ...subscribers.map((each) => each.name), ...emitters].join(' ').toLowerCase().includes(text.toLowerCase())

/** Subscriber whose schema makes the form: the one that is named, or the first that has a schema. */
export const formOf = (subscribers: readonly StepRow[], name: string): StepRow | undefined =>
  subscribers.find((each) => each.name === name) ?? subscribers.find((each) => each.input) ?? subscribers[0]

export function subscriberWords({ subscribers, emitters }: Topic): string {
  if (subscribers.length > 0) return subscribers.map((each) => each.name).join(', ')
  return emitters.length > 0 ? `nobody consumes it; ${emitters.join(', ')} emits it` : 'nobody consumes it'
}
