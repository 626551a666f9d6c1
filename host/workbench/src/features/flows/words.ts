import { languageWords } from '../../ui/names.ts'
import type { Node } from './graph.ts'

export const EVERYTHING = '*'
export const WITHOUT_FLOW = '-'

export const flowWords = (flow: string): string => (flow === EVERYTHING ? 'All steps' : flow === WITHOUT_FLOW ? 'Steps without a flow' : flow)

export const WORK_WORDS = '95 of 100 attempts of the last 5 minutes took at most so long'

const TYPES: Record<string, string> = { api: 'HTTP', event: 'event', cron: 'cron', noop: 'noop' }

/** What a node is, in a few words. */
export function kindWords(node: Node): string {
  if (node.kind === 'topic') return 'Topic'
  if (node.step === null) return 'File'
  return `${TYPES[node.step.type] ?? node.step.type} · ${languageWords(node.step.language)}`
}
