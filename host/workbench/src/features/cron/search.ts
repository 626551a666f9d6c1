export type CronShown = 'steps' | 'week'

/** State of the page that lives in its URL. */
export interface CronSearch {
  show: CronShown
  step: string
}
