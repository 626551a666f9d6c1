import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { doubleEffectsQuery } from '../../services/queries.ts'
import { counted } from '../../ui/time.ts'
import { KINDS, type Skeleton } from './skeleton.ts'
import styles from './trace.module.css'

/** Calls that a run made again in a later leg, outside `once`; nothing is asked of a trace without calls. */
export function DoubleEffects({ traceId, skeleton }: { traceId: string; skeleton: Skeleton }) {
  const hasCalls = useMemo(() => skeleton.kind.some((kind) => kind === KINDS.indexOf('call') || kind === KINDS.indexOf('llm')), [skeleton])
  const effects = useQuery({ ...doubleEffectsQuery(traceId), enabled: hasCalls }).data?.effects ?? []
  return effects.map((each) => (
    <p key={`${each.runId} ${each.method} ${each.url}`} className={styles.cut}>
      Done twice: {each.step} made {each.method} {each.url} {counted(each.calls, 'time')} in {counted(each.legs, 'leg')} of one run, outside once.
    </p>
  ))
}
