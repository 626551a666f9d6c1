/** Tells the host of outgoing calls that last, once a second while there is news; short calls cost a timer. Source: PS-8.28. */

const EVERY_MS = 1000
/** Looks at one call: of one whose answer nobody reads to its end no end comes either. */
const LOOKS_MAX = 3600

let last = 0

export interface UnderWay {
  /** Member `open` of the span; undefined when the host was not told that the call is under way. */
  readonly told: number | undefined
  /** Tell no more. */
  end(): void
}

/** Call `tell` a second after the start of a call, and later when `received` has grown, until the call has ended. */
export function underWay(tell: (members: Record<string, unknown>) => void, received?: () => number): UnderWay {
  const open = ++last
  let told: number | undefined
  let looks = 0
  let known = -1
  const timer = setInterval(() => {
    if (++looks >= LOOKS_MAX) clearInterval(timer)
    const now = received?.() ?? 0
    if (now === known) return
    known = now
    told = open
    tell(received === undefined ? { open } : { open, received: now })
  }, EVERY_MS)
  timer.unref()
  return { get told() { return told }, end: () => { clearInterval(timer) } }
}
