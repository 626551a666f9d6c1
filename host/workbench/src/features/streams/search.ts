/** State of the page of a stream that lives in its URL. */
export interface StreamSearch {
  prefix: string
  after: string
  /** Group whose items are listed; without one the groups are. Any text, also the empty one. */
  group: string | undefined
  /** Id of the item beside the list. */
  id: string | undefined
  create: boolean
  /** Events that were sent to the group stand beside the list. */
  events: boolean
  /** Words that the items, or the frames, must hold. */
  q: string
  /** The frames of the page's own subscription stand in the place of the items. */
  frames: boolean
  kind: string
  way: string
}
