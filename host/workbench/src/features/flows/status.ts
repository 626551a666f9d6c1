import type { FlowCounts, RunOfTrace, StepCounts, StepTotal } from '../../api/results.ts'
import type { Tone } from '../../ui/Status.tsx'
import { duration } from '../../ui/time.ts'
import type { Graph, Node, Way } from './graph.ts'

// What a node and a way say at this moment: words made of the counts of the host, or of the runs of one trace.

export interface Said {
  tone: Tone
  words: string
}

export const IDLE: Said = { tone: 'unknown', words: 'Idle' }

/** One line for a step; the tone is that of what most needs a reader. */
export function saidOf(node: Node, counts: StepCounts | undefined): Said {
  if (node.kind === 'file') return { tone: 'failed', words: 'Does not load' }
  if (node.problem !== null && node.kind === 'step') return { tone: 'failed', words: 'Does not load' }
  if (node.step?.type === 'noop') return { tone: 'unknown', words: 'Drawn only' }
  if (counts === undefined) return IDLE
  const { running, waiting, retrying, failed, paused } = counts
  const parts = [
    paused ? 'Paused' : '',
    running > 0 ? `${number(running)} running` : '',
    waiting > 0 ? `${number(waiting)} waiting` : '',
    retrying > 0 ? `${number(retrying)} retrying` : '',
    failed > 0 ? `${number(failed)} failed` : '',
  ].filter(Boolean)
  if (parts.length === 0) return IDLE
  const tone: Tone = failed > 0 ? 'failed' : retrying > 0 || paused ? 'warning' : running > 0 ? 'running' : 'waiting'
  return { tone, words: parts.join(' · ') }
}

const number = (value: number): string => value.toLocaleString('en')

export interface Flowing {
  total: number
  words: string
  /** Width of its line. */
  px: number
}

/** Events that came along each way while this page looked, and those that wait at its end, by the id of the way. */
export function flowingOf(graph: Graph, counts: FlowCounts | undefined): Map<string, Flowing> {
  const found = new Map<string, Flowing>()
  if (counts === undefined) return found
  const byTopic = new Map(counts.events.map((each) => [JSON.stringify([each.topic, each.step]), each]))
  const seconds = Math.max(1, counts.countedS ?? 60)
  const span = seconds >= 60 ? 'min' : `${Math.round(seconds)} s`
  for (const way of graph.ways) {
    const step = graph.byKey.get(way.to)?.step
    if (!step || way.virtual) continue
    const events = way.topics.map((topic) => byTopic.get(JSON.stringify([topic, step.step]))).filter((each) => each !== undefined)
    const recent = sum(events.map((each) => each.recent))
    const total = sum(events.map((each) => each.total))
    const waiting = sum(events.map((each) => each.waiting ?? 0))
    if (total === 0 && waiting === 0) continue
    const words = [recent > 0 ? `${number(recent)}/${span}` : '', waiting > 0 ? `${number(waiting)} waiting` : '']
    found.set(way.id, { total, words: words.filter(Boolean).join(' · '), px: widthOf((recent * 60) / seconds) })
  }
  return found
}

const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0)

export const LINE_PX = 1.25
const LINE_PX_MAX = 6

/** Width of a line by the logarithm of its rate: each pixel more is about ten times as many events. */
export const widthOf = (perMinute: number): number => Math.min(LINE_PX_MAX, LINE_PX + Math.log10(1 + perMinute))

/** How long attempts of each step take, at most of 95 in 100, by the key of its node; of those that ran lately. */
export function workOf(graph: Graph, totals: readonly StepTotal[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const { step, workP95 } of totals) {
    const key = graph.keyOfStep.get(step)
    if (key !== undefined && workP95 !== null) found.set(key, duration(workP95))
  }
  return found
}

/** Path of one trace: what each step did in it, and the ways that its events took. */
export interface Path {
  steps: ReadonlyMap<string, Said>
  ways: ReadonlySet<string>
}

export const TONES: Record<string, readonly [tone: Tone, word: string]> = {
  completed: ['ok', 'Done'],
  failed: ['failed', 'Failed'],
  rejected: ['warning', 'Rejected'],
  running: ['running', 'Running'],
  waiting: ['waiting', 'Waiting'],
}
const WORST: readonly Tone[] = ['failed', 'warning', 'running', 'waiting', 'unknown', 'ok']

export function pathOf(graph: Graph, runs: readonly RunOfTrace[]): Path {
  const stepOfRun = new Map(runs.map((run) => [run.runId, run.step]))
  const bySteps = new Map<string, RunOfTrace[]>()
  const taken = new Set<string>()
  for (const run of runs) {
    bySteps.set(run.step, [...(bySteps.get(run.step) ?? []), run])
    const from = run.parentRunId === null ? undefined : stepOfRun.get(run.parentRunId)
    const topic = typeof run.trigger.topic === 'string' ? run.trigger.topic : ''
    taken.add(JSON.stringify([from ?? '', run.step, topic]))
  }
  const steps = new Map([...bySteps].map(([step, of]) => [step, saidOfRuns(of)]))
  return { steps, ways: new Set(graph.ways.filter((way) => isTaken(graph, way, taken)).map(({ id }) => id)) }
}

function isTaken(graph: Graph, way: Way, taken: ReadonlySet<string>): boolean {
  const [from, to] = [graph.byKey.get(way.from), graph.byKey.get(way.to)]
  if (way.virtual || !to?.step) return false
  const source = from?.step?.step
  return way.topics.some((topic) =>
    source === undefined
      ? ['', ...(from?.outside ?? [])].some((each) => taken.has(JSON.stringify([each, to.name, topic])))
      : taken.has(JSON.stringify([source, to.name, topic])),
  )
}

function saidOfRuns(runs: readonly RunOfTrace[]): Said {
  const tones = runs.map((run) => TONES[run.status] ?? (['unknown', run.status] as const))
  const [tone, word] = tones.reduce((worst, each) => (WORST.indexOf(each[0]) < WORST.indexOf(worst[0]) ? each : worst))
  const total = runs.reduce((sum, run) => sum + (run.durationMs ?? 0), 0)
  const isOpen = runs.some((run) => run.durationMs === null)
  const times = isOpen && total === 0 ? '' : `${duration(total)}${isOpen ? ' so far' : ''}`
  return { tone, words: [word, times, runs.length > 1 ? `${runs.length} runs` : ''].filter(Boolean).join(' · ') }
}
