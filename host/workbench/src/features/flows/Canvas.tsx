import { Background, BackgroundVariant, ReactFlow, type NodeChange, type ReactFlowInstance } from '@xyflow/react'
import '@xyflow/react/dist/base.css'
import { useEffect, useImperativeHandle, useMemo, useRef, useState, type Ref } from 'react'
import { drawnWays, DrawnNodes } from './drawn.ts'
import { FlowNode, type FlowDrawn } from './FlowNode.tsx'
import type { Graph } from './graph.ts'
import type { Place, Places } from './layout.ts'
import { WayEdge, type WayDrawn } from './WayEdge.tsx'
import styles from './canvas.module.css'

export interface CanvasHandle {
  fit: () => void
  zoom: (factor: number) => void
  show: (key: string) => void
}

interface Props {
  label: string
  graph: Graph
  places: Places
  selected: string
  handle: Ref<CanvasHandle>
  onSelect: (key: string) => void
  /** A person moves nodes; `done` when they are let go. */
  onMove: (moved: ReadonlyMap<string, Place>, done: boolean) => void
}

const NODES = { flow: FlowNode }
const WAYS = { way: WayEdge }
/** Shows a flow of a few hundred steps whole. */
const ZOOM_MIN = 0.04
const ZOOM_MAX = 2
const FIT = { padding: 0.12, maxZoom: 1, minZoom: ZOOM_MIN }

/** The graph, dragged and zoomed by a person and moved by nobody else. Only what is in sight is drawn. */
export default function Canvas({ label, graph, places, selected, handle, onSelect, onMove }: Props) {
  const [flow, setFlow] = useState<ReactFlowInstance<FlowDrawn, WayDrawn> | null>(null)
  const [drawn] = useState(() => new DrawnNodes())
  const box = useRef<HTMLDivElement>(null)
  const zoomTo = useRef<number | null>(null)
  const nodes = useMemo(() => drawn.make(graph, places, selected), [drawn, graph, places, selected])
  const ways = useMemo(() => drawnWays(graph), [graph])

  useImperativeHandle(handle, () => ({
    fit: () => void flow?.fitView({ ...FIT, duration: motion() }),
    zoom: (factor) => {
      if (flow === null) return
      // Presses in a row count from where the last one leads, not from where it has come to.
      const next = Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, (zoomTo.current ?? flow.getZoom()) * factor))
      zoomTo.current = next
      void flow.zoomTo(next, { duration: motion() }).then(() => {
        if (zoomTo.current === next) zoomTo.current = null
      })
    },
    show: (key) => void flow?.fitView({ nodes: [{ id: key }], maxZoom: 1, duration: motion() }),
  }))

  useEffect(() => {
    const element = box.current
    if (flow === null || element === null || selected === '') return
    // The panel beside takes room: the node that it is about stays in sight.
    const observer = new ResizeObserver(() => {
      bringIn(flow, element, selected)
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
    }
  }, [flow, selected])

  const change = (changes: NodeChange<FlowDrawn>[]): void => {
    const moved = new Map<string, Place>()
    let done = false
    for (const each of changes) {
      if (each.type === 'select' && each.selected) onSelect(each.id)
      if (each.type === 'position' && each.position) moved.set(each.id, each.position)
      if (each.type === 'position' && each.dragging !== true) done = true
    }
    if (moved.size > 0 || done) onMove(moved, done)
  }

  return (
    <div ref={box} className={styles.canvas}>
      <ReactFlow
        aria-label={label}
        role="group"
        nodes={nodes}
        edges={ways}
        nodeTypes={NODES}
        edgeTypes={WAYS}
        onInit={(instance) => {
          // Asked for here and not by a property: that one waits for a node in sight, and there may be none yet.
          void instance.fitView(FIT)
          setFlow(instance)
        }}
        onNodesChange={change}
        onlyRenderVisibleElements
        minZoom={ZOOM_MIN}
        maxZoom={ZOOM_MAX}
        nodesConnectable={false}
        edgesFocusable={false}
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        panActivationKeyCode={null}
        zoomOnDoubleClick={false}
        nodeDragThreshold={3}
      >
        <Background variant={BackgroundVariant.Dots} gap={20} size={1} />
      </ReactFlow>
    </div>
  )
}

const motion = (): number => (matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 120)

const MARGIN_PX = 16

/** Move the view as little as shows a node whole. */
function bringIn(flow: ReactFlowInstance<FlowDrawn, WayDrawn>, element: HTMLElement, key: string): void {
  const node = flow.getNode(key)
  if (node === undefined) return
  const { x, y, zoom } = flow.getViewport()
  const left = node.position.x * zoom + x
  const top = node.position.y * zoom + y
  const shiftX = shift(left, left + (node.width ?? 0) * zoom, element.clientWidth)
  const shiftY = shift(top, top + (node.height ?? 0) * zoom, element.clientHeight)
  if (shiftX !== 0 || shiftY !== 0) void flow.setViewport({ x: x + shiftX, y: y + shiftY, zoom })
}

function shift(from: number, to: number, room: number): number {
  if (from < MARGIN_PX) return MARGIN_PX - from
  return to > room - MARGIN_PX ? Math.max(room - MARGIN_PX - to, MARGIN_PX - from) : 0
}
