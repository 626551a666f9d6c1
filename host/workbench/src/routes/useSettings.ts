import { useSyncExternalStore } from 'react'
import type { Action } from '../services/actions.ts'
import { useServices } from '../services/context.tsx'
import { THEMES, chooseTheme, chosenTheme, onTheme } from '../services/theme.ts'
import { DENSITIES, chooseDensity, chosenDensity, onDensity } from '../ui/density.ts'

const DENSITY_WORDS = { pointer: 'by the pointer', compact: 'compact', default: 'default', coarse: 'coarse' }

/** What a reader can set, as actions of the palette. */
export function useSettings(): Action[] {
  const { actions } = useServices()
  const theme = useSyncExternalStore(onTheme, chosenTheme)
  const density = useSyncExternalStore(onDensity, chosenDensity)
  const letters = useSyncExternalStore(actions.subscribe, actions.letters)
  const setting = (id: string, label: string, perform: () => void): Action => ({ id, label, keys: [], group: 'Settings', perform })
  return [
    ...THEMES.filter((each) => each !== theme).map((each) =>
      setting(`theme-${each}`, `Theme: ${each}`, () => {
        chooseTheme(each)
      }),
    ),
    ...DENSITIES.filter((each) => each !== density).map((each) =>
      setting(`density-${each}`, `Rows: ${DENSITY_WORDS[each]}`, () => {
        chooseDensity(each)
      }),
    ),
    setting('letters', letters ? 'Turn single-letter keys off' : 'Turn single-letter keys on', () => {
      actions.switchLetters(!letters)
    }),
  ]
}
