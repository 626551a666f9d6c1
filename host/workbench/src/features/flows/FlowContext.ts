import { createContext } from 'react'
import type { Flowing, Said } from './status.ts'

/** What nodes and ways say at this moment. It changes often, and no node is laid out or moved for it. */
export interface Now {
  said: ReadonlyMap<string, Said>
  flowing: ReadonlyMap<string, Flowing>
  /** Time at work of the steps that ran lately (p95), by node. */
  work: ReadonlyMap<string, string>
  /** Ways and nodes of the trace that is painted; null when none is. */
  path: { nodes: ReadonlySet<string>; ways: ReadonlySet<string> } | null
  /** Nodes that match the search; null without one. */
  matches: ReadonlySet<string> | null
}

export const NowContext = createContext<Now>({ said: new Map(), flowing: new Map(), work: new Map(), path: null, matches: null })
