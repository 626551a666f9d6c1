import type { FlowRow, RunOfTrace, StepRow } from '../../api/results.ts'
import { EVERYTHING, WITHOUT_FLOW } from './words.ts'

/** Flows to choose from: those that steps name, then the steps without one, then all steps together. */
export function listedFlows(flows: readonly FlowRow[], steps: readonly StepRow[]): FlowRow[] {
  const without = steps.filter((step) => step.type !== null && (step.flows ?? []).length === 0).length
  const loaded = steps.filter((step) => step.type !== null).length
  const rows = [...flows]
  if (without > 0) rows.push({ flow: WITHOUT_FLOW, steps: without })
  if (rows.length > 1) rows.push({ flow: EVERYTHING, steps: loaded })
  return rows
}

/** The flow that holds most of the steps of a trace; all steps where none does. */
export function flowOfTrace(runs: readonly RunOfTrace[], steps: readonly StepRow[]): string {
  const passed = new Set(runs.map((run) => run.step))
  const counts = new Map<string, number>()
  for (const step of steps) {
    if (!passed.has(step.name)) continue
    for (const flow of step.flows ?? []) counts.set(flow, (counts.get(flow) ?? 0) + 1)
  }
  const [best] = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
  return best?.[0] ?? EVERYTHING
}
