/** State of the page that lives in its URL. */
export interface CronSearch {
  step: string
}
