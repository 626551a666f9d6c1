/** State of the page that lives in its URL. */
export interface AsksSearch {
  ask: string
}
