// What the steps of one language have seen since the last start; a runner is one process, so they share it.
export type Samples = { wanted: number; delaysMs: number[]; firstAt: number; lastAt: number }

export const samples: Samples = { wanted: 0, delaysMs: [], firstAt: 0, lastAt: 0 }

export function begin(wanted: number): void {
  Object.assign(samples, { wanted, delaysMs: [], firstAt: performance.now(), lastAt: 0 })
}

export function took(delayMs: number): void {
  samples.delaysMs.push(delayMs)
  samples.lastAt = performance.now()
}

export function report(): object {
  const { wanted, delaysMs, firstAt, lastAt } = samples
  // Asked often while events run: what costs time is left to the end.
  if (delaysMs.length < wanted) return { wanted, done: delaysMs.length }
  const ranked = delaysMs.toSorted((a, b) => a - b)
  const at = (share: number) => ranked[Math.min(Math.floor(ranked.length * share), ranked.length - 1)] ?? 0
  return { wanted, done: ranked.length, wallMs: lastAt - firstAt, p50Ms: at(0.5), p99Ms: at(0.99) }
}
