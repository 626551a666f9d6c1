// How tall the rows of lists are: by the pointer, or as the reader has chosen; kept in the browser.

export type Density = 'pointer' | 'compact' | 'default' | 'coarse'
export const DENSITIES: readonly Density[] = ['pointer', 'compact', 'default', 'coarse']

const KEPT = 'polystep.density'
const PX: Partial<Record<Density, number>> = { compact: 26, default: 32, coarse: 44 }
const listeners = new Set<() => void>()
let chosen = read()

export const chosenDensity = (): Density => chosen

export function chooseDensity(density: Density): void {
  chosen = density
  try {
    if (density === 'pointer') localStorage.removeItem(KEPT)
    else localStorage.setItem(KEPT, density)
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
  for (const each of listeners) each()
}

export function onDensity(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Height of a row: as chosen, else dense for a mouse and tall for a finger; always tall where a row takes two lines. */
export function rowPx(fine: number, isCoarse: boolean, isNarrow: boolean): number {
  if (isNarrow) return 44
  return PX[chosen] ?? (isCoarse ? 44 : fine)
}

function read(): Density {
  try {
    const kept = localStorage.getItem(KEPT)
    return DENSITIES.find((each) => each === kept) ?? 'pointer'
  } catch {
    return 'pointer'
  }
}
