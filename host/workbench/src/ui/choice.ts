/** One of a few values, chosen by the reader and kept in the browser under `key`; the first value is the default. */
export class Choice<T extends string> {
  private readonly listeners = new Set<() => void>()
  private value: T

  constructor(
    private readonly key: string,
    readonly values: readonly [T, ...T[]],
  ) {
    this.value = this.read()
  }

  readonly chosen = (): T => this.value

  readonly choose = (value: T): void => {
    this.value = value
    try {
      if (value === this.values[0]) localStorage.removeItem(this.key)
      else localStorage.setItem(this.key, value)
    } catch {
      // Storage is switched off: the choice holds for this page.
    }
    for (const each of this.listeners) each()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private read(): T {
    try {
      const kept = localStorage.getItem(this.key)
      return this.values.find((each) => each === kept) ?? this.values[0]
    } catch {
      return this.values[0]
    }
  }
}
