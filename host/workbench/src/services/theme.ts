// The chosen theme: kept in the browser, applied to the document; `theme.js` does the same before the first paint.

export type Theme = 'system' | 'light' | 'dark'
export const THEMES: readonly Theme[] = ['system', 'light', 'dark']

const KEY = 'polystep.theme'
const listeners = new Set<() => void>()
const darkSystem = matchMedia('(prefers-color-scheme: dark)')

export function chosenTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY)
    return kept === 'light' || kept === 'dark' ? kept : 'system'
  } catch {
    return 'system'
  }
}

export function chooseTheme(theme: Theme): void {
  try {
    if (theme === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, theme)
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
  apply(theme)
  for (const each of listeners) each()
}

export function onTheme(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function followSystemTheme(): () => void {
  const changed = (): void => {
    apply(chosenTheme())
  }
  darkSystem.addEventListener('change', changed)
  return () => {
    darkSystem.removeEventListener('change', changed)
  }
}

function apply(theme: Theme): void {
  document.documentElement.dataset.theme = theme === 'system' ? (darkSystem.matches ? 'dark' : 'light') : theme
}
