import { duration } from '../../ui/time.ts'
import type { Mark } from './model.ts'

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
