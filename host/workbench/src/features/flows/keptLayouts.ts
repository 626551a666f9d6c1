import type { Place, Places, Task } from './layout.ts'

// Layouts of graphs that were seen lately: a page that is opened again computes none.

const ITEM = 'polystep.layouts'
const KEPT_MAX = 12
/** Of all: a browser gives an address a few megabytes. */
const CHARS_MAX = 400_000

/** A short name for a graph: equal graphs have the same. FNV-1a, twice 32 bits from both ends of the text. */
export function nameOf(task: Task): string {
  const text = JSON.stringify(task)
  let [ahead, back] = [0x811c9dc5, 0x811c9dc5]
  for (let at = 0; at < text.length; at++) {
    ahead = Math.imul(ahead ^ text.charCodeAt(at), 0x01000193)
    back = Math.imul(back ^ text.charCodeAt(text.length - 1 - at), 0x01000193)
  }
  return `${(ahead >>> 0).toString(36)}.${(back >>> 0).toString(36)}.${text.length}`
}

export class KeptLayouts {
  private readonly store: Pick<Storage, 'getItem' | 'setItem'>

  constructor(store: Pick<Storage, 'getItem' | 'setItem'>) {
    this.store = store
  }

  get(name: string): Places | undefined {
    return this.read().find(([known]) => known === name)?.[1]
  }

  /** Keep a layout as the newest; the oldest go. A browser that keeps nothing lays out again. */
  set(name: string, places: Places): void {
    let all = [[name, places] as const, ...this.read().filter(([known]) => known !== name)].slice(0, KEPT_MAX)
    while (all.length > 0 && JSON.stringify(all).length > CHARS_MAX) all = all.slice(0, -1)
    try {
      this.store.setItem(ITEM, JSON.stringify(all))
    } catch {
      // Full, or turned off.
    }
  }

  private read(): (readonly [name: string, places: Places])[] {
    try {
      const found: unknown = JSON.parse(this.store.getItem(ITEM) ?? '[]')
      return Array.isArray(found) ? found.filter(isKept) : []
    } catch {
      return []
    }
  }
}

function isKept(value: unknown): value is [string, Places] {
  if (!Array.isArray(value) || typeof value[0] !== 'string') return false
  const places: unknown = value[1]
  return typeof places === 'object' && places !== null && Object.values(places).every(isPlace)
}

function isPlace(value: unknown): value is Place {
  return typeof value === 'object' && value !== null && 'x' in value && 'y' in value && Number.isFinite(value.x) && Number.isFinite(value.y)
}
