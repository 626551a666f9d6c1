import { Choice } from './choice.ts'

/** The theme of the reader, applied to the document; `theme.js` does the same before the first paint. */
export const theme = new Choice('polystep.theme', ['system', 'light', 'dark'])

export type Theme = ReturnType<typeof theme.chosen>

const darkSystem = matchMedia('(prefers-color-scheme: dark)')

/** Keep the document in the theme that is chosen, and in that of the system where none is; returns what ends it. */
export function applyTheme(): () => void {
  const apply = (): void => {
    const chosen = theme.chosen()
    document.documentElement.dataset.theme = chosen === 'system' ? (darkSystem.matches ? 'dark' : 'light') : chosen
  }
  const stop = theme.subscribe(apply)
  darkSystem.addEventListener('change', apply)
  return () => {
    stop()
    darkSystem.removeEventListener('change', apply)
  }
}
