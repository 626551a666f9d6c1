import { useCallback, type RefObject } from 'react'
import type { RowsHandle } from './Rows.tsx'

/** Move the focus among rows that carry `data-row`, by key; the row is brought into sight and mounted first. */
export function useRowFocus(count: number, rows?: RefObject<RowsHandle | null>) {
  const focus = useCallback(
    (row: number) => {
      rows?.current?.show(row)
      requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-row="${row}"]`)?.focus())
    },
    [rows],
  )
  const move = (by: number): void => {
    const active = document.activeElement?.getAttribute('data-row')
    const now = active === null || active === undefined ? (by > 0 ? -1 : count) : Number(active)
    focus(Math.max(0, Math.min(count - 1, now + by)))
  }
  const actions = (group: string) => [
    { id: 'next-row', label: 'Next row', keys: ['j'], group, perform: () => { move(1) } },
    { id: 'previous-row', label: 'Previous row', keys: ['k'], group, perform: () => { move(-1) } },
  ]
  return { focus, actions }
}
