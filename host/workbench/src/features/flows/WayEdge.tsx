import { BaseEdge, EdgeLabelRenderer, getSmoothStepPath, type Edge, type EdgeProps } from '@xyflow/react'
import { memo, use, type CSSProperties } from 'react'
import { NowContext } from './FlowContext.ts'
import type { Way } from './graph.ts'
import { LINE_PX } from './status.ts'
import styles from './way.module.css'

export type WayDrawn = Edge<{ way: Way; isNamed: boolean }, 'way'>

const LABEL_PX = 22

/** Way of topics between two nodes: names as text, dashed when conditional, dotted when drawn only, short dashes when runs wait for them. */
export const WayEdge = memo(function WayEdge(props: EdgeProps<WayDrawn>) {
  const { way, isNamed } = props.data ?? {}
  const { flowing, path } = use(NowContext)
  const [line, x, y] = getSmoothStepPath({ ...props, borderRadius: 10, offset: 18 })
  if (way === undefined) return null
  const flow = flowing.get(way.id)
  const rate = flow?.words ?? ''
  const state = path === null ? 'plain' : path.ways.has(way.id) ? 'taken' : 'quiet'
  const names = [way.waits ? 'waits for' : '', way.cancels ? 'cancelled by' : '', way.labels.join(', '), way.topics.join(', ')].filter(Boolean).join(' · ')
  const top = y + (way.at - (way.of - 1) / 2) * LABEL_PX
  return (
    <>
      <BaseEdge
        path={line}
        className={styles.line}
        data-state={state}
        data-virtual={way.virtual}
        data-waits={way.waits || way.cancels}
        data-conditional={way.conditional}
        style={{ '--way-px': `${flow?.px ?? LINE_PX}px` } as CSSProperties}
        {...(props.markerEnd === undefined ? {} : { markerEnd: props.markerEnd })}
      />
      {flow !== undefined && flow.total > 0 && <path key={flow.total} d={line} className={styles.pulse} aria-hidden />}
      {(isNamed === true || rate !== '') && (
        <EdgeLabelRenderer>
          <div
            className={styles.label}
            data-state={state}
            data-conditional={way.conditional}
            data-virtual={way.virtual}
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${top}px)` }}
          >
            {isNamed && <span className={styles.names}>{names}</span>}
            {rate !== '' && <span className={styles.rate}>{rate}</span>}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  )
})
