/** What can be done with single deliveries; asked by the view, which stays while the feed changes the list. */
export interface QueueActs {
  isPending: boolean
  error: Error | null
  /** Null: all that are due later. */
  tryNow: (id: number | null) => void
  remove: (id: number) => void
}
