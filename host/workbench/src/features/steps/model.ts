import type { Step, Steps } from '../../services/shapes.ts'

const TYPES: Record<string, string> = { api: 'HTTP', event: 'event', cron: 'cron', noop: 'noop', stream: 'stream' }

export const typeWords = (step: Step): string => (step.type === null ? 'unknown' : (TYPES[step.type] ?? step.type))

/** What starts a step, in the words of its config. */
export function startWords(step: Step): string {
  if (step.type === 'api') return [step.method, step.path].filter(Boolean).join(' ')
  if (step.type === 'cron') return [step.cron, step.timezone].filter(Boolean).join(' · ')
  return (step.subscribes ?? []).join(', ')
}

/** Every step and stream: what does not load first, then as the host lists them; only those that hold the text. */
export function listed(found: Steps, text: string): readonly Step[] {
  const all: Step[] = [...found.steps, ...found.streams]
  const sorted = [...all.filter((step) => step.error !== null), ...all.filter((step) => step.error === null)]
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return sorted
  return sorted.filter((step) => {
    const inside = [step.name, typeWords(step), step.language, step.file, startWords(step), ...(step.flows ?? []), ...(step.emits ?? [])]
    const whole = inside.join(' ').toLowerCase()
    return words.every((word) => whole.includes(word))
  })
}

/** A step is found by its file when its name is not known: a file that does not load has none. */
export const idOf = (step: Step): string => (step.error !== null && step.type === null ? step.file : step.name)

/** Schemas of a step, each with a title. */
export function schemasOf(step: Step): { title: string; schema: unknown }[] {
  const all = [
    { title: 'Schema of the body', schema: step.bodySchema },
    { title: 'Schemas of the responses, by status', schema: step.responseSchema },
    { title: 'Schema of the input', schema: step.input },
    { title: 'Schema of the items', schema: step.schema },
  ]
  return all.filter(({ schema }) => !isEmpty(schema))
}

const SHOWN_APART = new Set(
  ['name', 'type', 'language', 'file', 'error', 'warnings', 'description', 'bodySchema', 'responseSchema', 'input', 'schema'],
)

/** Config of a step without what the panel shows apart and without what is empty. */
export function configOf(step: Step): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(step).filter(([name, value]) => !SHOWN_APART.has(name) && !isEmpty(value)),
  )
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
