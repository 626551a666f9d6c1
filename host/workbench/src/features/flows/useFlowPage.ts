import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import type { FlowGraph, StepTotal } from '../../api/results.ts'
import { flowCountsQuery, flowQuery, ratesQuery, traceRunsQuery } from '../../services/queries.ts'
import type { Now } from './FlowContext.ts'
import { found, graphOf, type Graph } from './graph.ts'
import type { FlowSearch } from './search.ts'
import { flowingOf, pathOf, saidOf, workOf, type Said } from './status.ts'

/** The graph of a flow, and what its nodes and ways say: of this moment, or of one trace. */
export function useFlowPage(flow: string, search: FlowSearch) {
  const query = useQuery(flowQuery(flow))
  const counts = useQuery({ ...flowCountsQuery(flow), placeholderData: (before) => before })
  const trace = useQuery({ ...traceRunsQuery(search.trace), enabled: search.trace !== '' })
  const totals = useTotals(flow, counts.dataUpdatedAt)
  const graph = useGraph(query.data)
  const runs = search.trace === '' ? undefined : trace.data?.runs
  const now = useMemo<Now>(() => {
    if (graph === null) return NOTHING
    const matches = search.q === '' ? null : new Set(found(graph, search.q).map(({ key }) => key))
    const path = runs && pathOf(graph, runs)
    const bySteps = new Map(counts.data?.steps.map((each) => [each.step, each]))
    const said = new Map<string, Said>()
    for (const node of graph.nodes) {
      const passed = path && (path.steps.get(node.step?.step ?? '') ?? NOT_PASSED)
      said.set(node.key, passed && node.problem === null ? passed : saidOf(node, bySteps.get(node.step?.step ?? '')))
    }
    const nodes = path && new Set(graph.nodes.filter((node) => path.steps.has(node.step?.step ?? '')).map(({ key }) => key))
    const work = path === undefined ? workOf(graph, totals ?? []) : NOTHING.work
    return { said, flowing: flowingOf(graph, counts.data), work, matches, path: path && nodes ? { nodes, ways: path.ways } : null }
  }, [graph, counts.data, totals, runs, search.q])
  return { query, graph, now, trace }
}

const NOTHING: Now = { said: new Map(), flowing: new Map(), work: new Map(), path: null, matches: null }
const NOT_PASSED: Said = { tone: 'unknown', words: 'Not in this trace' }

/** While something has run in the last minutes, its times fall out of them whether or not anything is told. */
const TOTALS_MS = 5000

/** Times of the steps in the last five minutes: read again while there are any, and when something begins to move. */
function useTotals(flow: string, movedAt: number): readonly StepTotal[] | undefined {
  const { data, refetch } = useQuery({
    ...ratesQuery({ window: '5m', step: '', flow }),
    refetchInterval: ({ state }) => ((state.data?.total.runs ?? 0) > 0 ? TOTALS_MS : false),
    placeholderData: (before) => before,
  })
  const rested = data?.total.runs === 0
  useEffect(() => {
    if (rested) void refetch({ cancelRefetch: false })
  }, [rested, movedAt, refetch])
  return data?.steps
}

/** A graph that is equal to the one before is the same object: nothing is laid out or drawn again for it. */
function useGraph(flow: FlowGraph | undefined): Graph | null {
  return useMemo(() => (flow === undefined ? null : graphOf(flow)), [flow])
}
