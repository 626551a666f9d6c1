/** Rows to mount of a list of rows of one height: those in sight and a few around them. */
export interface Window {
  first: number
  /** Exclusive. */
  last: number
}

const SPARE_ROWS = 8

export function windowOf(count: number, rowPx: number, scrollTop: number, heightPx: number): Window {
  const first = Math.floor(Math.max(0, scrollTop) / rowPx) - SPARE_ROWS
  const last = Math.ceil((Math.max(0, scrollTop) + heightPx) / rowPx) + SPARE_ROWS
  return { first: Math.max(0, Math.min(first, count)), last: Math.max(0, Math.min(last, count)) }
}

/** Scroll position that brings a row into sight, as near to the present one as can be. */
export function scrollTo(row: number, rowPx: number, scrollTop: number, heightPx: number): number {
  const top = row * rowPx
  if (top < scrollTop) return top
  if (top + rowPx > scrollTop + heightPx) return top + rowPx - heightPx
  return scrollTop
}
