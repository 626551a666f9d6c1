import { useSyncExternalStore } from 'react'

/** Current time, read again every so many milliseconds by one timer, which runs while somebody looks. */
class Ticker {
  private readonly listeners = new Set<() => void>()
  private timer: ReturnType<typeof setInterval> | undefined
  private at = Date.now()

  constructor(private readonly everyMs: number) {}

  readonly now = (): number => this.at

  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.listeners.size === 0) this.start()
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
      if (this.listeners.size === 0) clearInterval(this.timer)
    }
  }

  private start(): void {
    this.at = Date.now()
    this.timer = setInterval(() => {
      this.at = Date.now()
      for (const each of this.listeners) each()
    }, this.everyMs)
  }
}

const seconds = new Ticker(1000)

/** Current time, new every second: for ages and countdowns. */
export const useNow = (): number => useSyncExternalStore(seconds.subscribe, seconds.now)
