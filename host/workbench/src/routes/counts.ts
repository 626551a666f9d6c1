const SHOWN_MAX = 999

/** Number beside the name of a page: none for nothing, and short for many. */
export const countWords = (count: number, more = false): string => (count === 0 ? '' : count > SHOWN_MAX ? `${SHOWN_MAX}+` : `${count}${more ? '+' : ''}`)
