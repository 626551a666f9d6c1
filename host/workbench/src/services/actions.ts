// One registry of what a reader can do: the key handler, the help sheet and the palette read the same list, so they agree.

export interface Action {
  id: string
  label: string
  /**
   * Keys one after the other, as `KeyboardEvent.key` names them: `['g', 't']`, `['ArrowDown']`, `['Mod+k']`. Without
   * any it stands in the palette alone.
   */
  keys: readonly string[]
  group: string
  perform: () => void
}

const CHORD_MS = 1000
const IS_MAC = typeof navigator !== 'undefined' && navigator.userAgent.includes('Mac')
const WORDS: Record<string, string> = { ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc' }
const KEPT = 'polystep.keys'

export class Actions {
  private readonly sets = new Map<symbol, readonly Action[]>()
  private readonly listeners = new Set<() => void>()
  private all: readonly Action[] = []
  private pending: { key: string; at: number } | null = null
  private lettersOn = readLetters()

  /** Add actions; the function that is returned removes them. */
  register(actions: readonly Action[]): () => void {
    const owner = Symbol('actions')
    this.sets.set(owner, actions)
    this.changed()
    return () => {
      this.sets.delete(owner)
      this.changed()
    }
  }

  readonly list = (): readonly Action[] => this.all

  /** Whether keys that are one character do something: speech input types them by accident. */
  readonly letters = (): boolean => this.lettersOn

  readonly switchLetters = (on: boolean): void => {
    this.lettersOn = on
    try {
      if (on) localStorage.removeItem(KEPT)
      else localStorage.setItem(KEPT, 'off')
    } catch {
      // Storage is switched off: the choice holds for this page.
    }
    for (const each of this.listeners) each()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Perform the action of a key, unless the reader types into a field; reports whether one was. */
  readonly key = (event: KeyboardEvent): boolean => {
    // A dialog has its own keys: Escape closes it, and not what lies below.
    if (event.defaultPrevented || event.altKey || isInDialog(event.target)) return false
    const modified = event.ctrlKey || event.metaKey
    if (!modified && (isEditable(event.target) || (!this.lettersOn && event.key.length === 1))) return false
    const first = this.pending !== null && event.timeStamp - this.pending.at < CHORD_MS ? this.pending.key : null
    this.pending = null
    const key = modified ? `Mod+${event.key.toLowerCase()}` : event.key
    const wanted = first === null || modified ? [key] : [first, key]
    const found = this.all.findLast((each) => same(each.keys, wanted))
    if (found !== undefined) {
      event.preventDefault()
      found.perform()
      return true
    }
    if (first === null && this.all.some((each) => each.keys.length > 1 && each.keys[0] === key)) {
      this.pending = { key, at: event.timeStamp }
    }
    return false
  }

  private changed(): void {
    this.all = [...this.sets.values()].flat()
    for (const each of this.listeners) each()
  }
}

const keyWord = (key: string): string =>
  key.startsWith('Mod+') ? `${IS_MAC ? '⌘' : 'Ctrl '}${key.slice(4).toUpperCase()}` : (WORDS[key] ?? key)

export const keyWords = (keys: readonly string[]): string => keys.map(keyWord).join(' ')

/** The last of those with one id: a view on top offers what the one below does. */
export function latest(all: readonly Action[]): readonly Action[] {
  return [...new Map(all.map((each) => [each.id, each])).values()]
}

function readLetters(): boolean {
  try {
    return localStorage.getItem(KEPT) !== 'off'
  } catch {
    return true
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, at) => key === b[at])
}

const isInDialog = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('dialog[open], [role=dialog]') !== null

function isEditable(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement) return target.type !== 'checkbox'
  return target.isContentEditable || ['TEXTAREA', 'SELECT'].includes(target.tagName)
}
