import { useCallback, useSyncExternalStore } from 'react'

/** What this tab remembers while it is open, such as drafts. Nothing of it is stored: it may hold secrets. */
export class Memory<T> {
  private readonly kept = new Map<string, T>()
  private readonly listeners = new Set<() => void>()
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  get(key: string): T | undefined {
    return this.kept.get(key)
  }

  /** Keep a value; beyond the bound the one that was written longest ago goes. */
  set(key: string, value: T): void {
    this.kept.delete(key)
    this.kept.set(key, value)
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= this.max) break
      this.kept.delete(oldest)
    }
    for (const each of this.listeners) each()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

/** Value of a memory under a key, and how to change it. */
export function useMemory<T>(memory: Memory<T>, key: string): [T | undefined, (value: T) => void] {
  const value = useSyncExternalStore(memory.subscribe, () => memory.get(key))
  return [value, useCallback((next: T) => { memory.set(key, next) }, [memory, key])]
}
