import { useSyncExternalStore } from 'react'
import type { Action } from '../services/actions.ts'
import { useServices } from '../services/context.tsx'
import { theme } from '../ui/theme.ts'
import type { Choice } from '../ui/choice.ts'
import { density } from '../ui/density.ts'
import { times } from '../ui/times.ts'

const DENSITY_WORDS = { pointer: 'by the pointer', compact: 'compact', default: 'default', coarse: 'coarse' }

/** What a reader can set, as actions of the palette. */
export function useSettings(): Action[] {
  const { actions } = useServices()
  const letters = useSyncExternalStore(actions.subscribe, actions.letters)
  const ago = useChosen(times) === 'ago'
  const setting = (id: string, label: string, perform: () => void, keys: string[] = []): Action => ({ id, label, keys, group: 'Settings', perform })
  const others = <T extends string>(name: string, words: string, choice: Choice<T>, chosen: T, wordsOf = (value: T): string => value): Action[] =>
    choice.values.filter((each) => each !== chosen).map((each) => setting(`${name}-${each}`, `${words}: ${wordsOf(each)}`, () => { choice.choose(each) }))
  return [
    ...others('theme', 'Theme', theme, useChosen(theme)),
    ...others('density', 'Rows', density, useChosen(density), (each) => DENSITY_WORDS[each]),
    setting('times', ago ? 'Times: time of day' : 'Times: how long ago', () => { times.choose(ago ? 'clock' : 'ago') }, ['u']),
    setting('letters', letters ? 'Turn single-letter keys off' : 'Turn single-letter keys on', () => {
      actions.switchLetters(!letters)
    }),
  ]
}

const useChosen = <T extends string>(choice: Choice<T>): T => useSyncExternalStore(choice.subscribe, choice.chosen)
