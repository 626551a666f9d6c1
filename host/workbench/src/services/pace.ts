/** A rest is at least so many times as long as the action before it: a host that answers late is asked less. */
const RESTS_PER_ACTION = 5

/**
 * Pace of one action by name: at once when it has rested, else once at the end of the rest, however often it is asked.
 * A burst of notices becomes a few requests, and the last notice is never lost.
 */
export class Pace {
  private readonly resting = new Map<string, { timer?: ReturnType<typeof setTimeout>; again: boolean }>()
  private readonly restMs: (name: string) => number
  private readonly act: (name: string) => Promise<unknown>

  constructor(restMs: (name: string) => number, act: (name: string) => Promise<unknown>) {
    this.restMs = restMs
    this.act = act
  }

  ask(name: string): void {
    const rest = this.resting.get(name)
    if (rest !== undefined) {
      rest.again = true
      return
    }
    void this.begin(name)
  }

  stop(): void {
    for (const { timer } of this.resting.values()) clearTimeout(timer)
    this.resting.clear()
  }

  private async begin(name: string): Promise<void> {
    const rest: { timer?: ReturnType<typeof setTimeout>; again: boolean } = { again: false }
    this.resting.set(name, rest)
    const began = performance.now()
    // What it ends in is told where it was asked for.
    await this.act(name).catch(() => undefined)
    const took = performance.now() - began
    if (this.resting.get(name) !== rest) return
    rest.timer = setTimeout(() => {
      this.resting.delete(name)
      if (rest.again) void this.begin(name)
    }, Math.max(this.restMs(name) - took, RESTS_PER_ACTION * took))
  }
}
