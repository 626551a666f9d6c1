/** State of the list of groups that lives in its URL. */
export interface GroupsSearch {
  prefix: string
  after: string
  create: boolean
}

/** State of the page of a group that lives in its URL. */
export interface GroupSearch extends GroupsSearch {
  /** Key of the value beside the list; any text, also the empty one. */
  key: string | undefined
}
