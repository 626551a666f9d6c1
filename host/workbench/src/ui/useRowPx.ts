import { useSyncExternalStore } from 'react'
import { density, rowPx } from './density.ts'

const coarse = matchMedia('(pointer: coarse)')
const narrow = matchMedia('(max-width: 640px)')

function changed(listener: () => void): () => void {
  const leave = density.subscribe(listener)
  coarse.addEventListener('change', listener)
  narrow.addEventListener('change', listener)
  return () => {
    leave()
    coarse.removeEventListener('change', listener)
    narrow.removeEventListener('change', listener)
  }
}

/** Whether the window is as narrow as a phone. */
export const useNarrow = (): boolean => useSyncExternalStore(changed, () => narrow.matches)

/** Height of a row of a list, which is as given for a mouse unless the reader has chosen another. */
export const useRowPx = (fine: number): number =>
  useSyncExternalStore(changed, () => rowPx(fine, coarse.matches, narrow.matches))
