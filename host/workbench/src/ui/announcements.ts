const APART_MS = 5000

/**
 * What a screen reader is told of changes that the reader did not ask for: one text at most in five seconds, so that
 * live data does not talk over what is read. Of each source the newest text waits; the answer to a click is not told
 * here, but in its place and at once.
 */
export class Announcements {
  private readonly waiting = new Map<string, string>()
  private readonly listeners = new Set<() => void>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private text = ''

  /** What was said last. */
  readonly said = (): string => this.text

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly say = (source: string, words: string): void => {
    if (words === '') this.waiting.delete(source)
    else this.waiting.set(source, words)
    if (this.timer === undefined) this.tell()
  }

  private tell(): void {
    this.timer = undefined
    if (this.waiting.size === 0) return
    this.text = [...this.waiting.values()].join('. ')
    this.waiting.clear()
    this.timer = setTimeout(() => { this.tell() }, APART_MS)
    for (const each of this.listeners) each()
  }
}

export const announcements = new Announcements()
