import { counted, duration } from '../../ui/time.ts'
import type { Mark, Row } from './model.ts'

/** A mark is a word and a sign, not a colour alone. */
export const MARKS: Record<Mark, { word: string; sign: string }> = {
  same: { word: 'Same', sign: '=' },
  changed: { word: 'Changed', sign: '~' },
  added: { word: 'Added', sign: '+' },
  removed: { word: 'Removed', sign: '−' },
}

/** How much longer or shorter something took. */
export function deltaWords(ms: number | null): string {
  if (ms === null) return ''
  if (Math.abs(ms) < 1) return '± 0 ms'
  return `${ms > 0 ? '+' : '−'}${duration(Math.abs(ms))}`
}

/** Of what the usual times are the median, and how far the later trace is from it. */
export function usualOf({ kind, usual, after, before }: Pick<Row, 'kind' | 'usual' | 'after' | 'before'>): string {
  if (usual === null) return ''
  const took = (after ?? before)?.workMs
  const off = typeof took === 'number' ? `; this one ${deltaWords(took - usual.workMs)}` : ''
  return `Usual: the median of ${kind === 'run' ? 'the last' : ''} ${counted(usual.of, kind === 'run' ? 'completed run' : 'time')}${off}`.replace('  ', ' ')
}
