import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { FlowLayout } from '../../api/results.ts'
import { call, RequestFailed } from '../../services/http.ts'
import { flowLayoutQuery } from '../../services/queries.ts'
import type { Graph } from './graph.ts'
import { taskOf, type Place, type Places } from './layout.ts'
import { layingOut } from './layingOut.ts'
import { merged, placed } from './places.ts'

const TRIES_MAX = 5

/** What is drawn: the places belong to the graph, also while the next graph is laid out. */
export interface Shown {
  graph: Graph
  places: Places
}

/** Where the nodes of a flow stand on this page, and how what a person moves is kept in the project. */
export function usePlaces(flow: string, graph: Graph | null) {
  const layout = useQuery(flowLayoutQuery(flow))
  const [shown, setShown] = useState<Shown | null>(null)
  const keeping = useKeeping(flow, layout.data)
  const latest = useRef<Places>({})
  const saved = layout.data?.nodes

  useEffect(() => {
    if (graph === null || saved === undefined) return
    const abort = new AbortController()
    const arrange = async (): Promise<void> => {
      const isBare = Object.keys(latest.current).length === 0 && graph.nodes.every(({ key }) => !(key in saved))
      const computed = isBare ? await layingOut.run(taskOf(graph), abort.signal) : {}
      if (abort.signal.aborted) return
      latest.current = placed(graph, saved, latest.current, computed)
      setShown({ graph, places: latest.current })
    }
    void arrange()
    return () => {
      abort.abort()
    }
  }, [graph, saved])

  const { keep } = keeping
  const move = useCallback(
    (moved: ReadonlyMap<string, Place>, done: boolean): void => {
      latest.current = { ...latest.current, ...Object.fromEntries(moved) }
      setShown((before) => before && { ...before, places: latest.current })
      keep(latest.current, [...moved.keys()], done)
    },
    [keep],
  )
  const layOutAgain = async (): Promise<void> => {
    if (graph === null || !(await keeping.forget())) return
    latest.current = await layingOut.run(taskOf(graph), new AbortController().signal)
    setShown({ graph, places: latest.current })
  }
  return { layout, shown, move, layOutAgain, failure: keeping.failure }
}

interface Keeping {
  moved: Set<string>
  shown: Places
  writing: boolean
  wanted: boolean
}

/** Keep places, one write at a time: what is moved meanwhile goes with the next one, over what others have kept. */
function useKeeping(flow: string, layout: FlowLayout | undefined) {
  const queries = useQueryClient()
  const [failure, setFailure] = useState<RequestFailed | null>(null)
  const state = useRef<Keeping>({ moved: new Set(), shown: {}, writing: false, wanted: false })
  const known = useRef(layout)
  useEffect(() => {
    known.current = layout
  }, [layout])

  const write = useCallback(
    async (nodesOf: (theirs: Places) => Places): Promise<boolean> => {
      for (let attempt = 1; ; attempt++) {
        const now = known.current
        if (now === undefined) return false
        try {
          const kept = await call('place_nodes', { flow, version: now.version, nodes: nodesOf(now.nodes) })
          known.current = kept
          queries.setQueryData(flowLayoutQuery(flow).queryKey, kept)
          setFailure(null)
          return true
        } catch (error) {
          if (!(error instanceof RequestFailed)) throw error
          const isTold = error.status === 409 && 'version' in error.body && attempt < TRIES_MAX
          if (!isTold) {
            setFailure(error)
            return false
          }
          known.current = await call('flow_layout', { flow })
        }
      }
    },
    [flow, queries],
  )
  const writeAll = useCallback(async (): Promise<void> => {
    const now = state.current
    if (now.writing) return
    now.writing = true
    while (now.wanted) {
      now.wanted = false
      const moved = new Set(now.moved)
      now.moved.clear()
      if (!(await write((theirs) => merged(theirs, now.shown, moved)))) for (const key of moved) now.moved.add(key)
    }
    now.writing = false
  }, [write])
  const keep = useCallback(
    (shown: Places, moved: readonly string[], done: boolean): void => {
      const now = state.current
      now.shown = shown
      for (const key of moved) now.moved.add(key)
      if (!done || now.moved.size === 0) return
      now.wanted = true
      void writeAll()
    },
    [writeAll],
  )
  const forget = useCallback(() => write(() => ({})), [write])
  return { keep, forget, failure }
}
