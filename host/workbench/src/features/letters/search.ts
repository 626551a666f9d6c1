import type { LetterFilter } from '../../services/letters.ts'

export type LettersShown = 'letters' | 'errors' | 'bulks'

/** State of the page that lives in its URL. */
export interface LettersSearch extends LetterFilter {
  show: LettersShown
  /** Cursor of the part of the list before. */
  after: string
  letter: number | undefined
  bulk: number | undefined
}
