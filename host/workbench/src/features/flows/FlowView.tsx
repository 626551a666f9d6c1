import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useRef, useState, type ComponentProps, type RefObject } from 'react'
import type { FlowGraph } from '../../api/results.ts'
import { flowDoor } from '../../services/addresses.ts'
import { useActions } from '../../services/context.tsx'
import { RequestFailed } from '../../services/http.ts'
import { flowsQuery } from '../../services/queries.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { counted } from '../../ui/time.ts'
import type { CanvasHandle } from './Canvas.tsx'
import { NowContext } from './FlowContext.ts'
import { FlowTable } from './FlowTable.tsx'
import { FlowTools } from './FlowTools.tsx'
import { found, type Graph } from './graph.ts'
import { NodePanel } from './NodePanel.tsx'
import type { FlowSearch } from './search.ts'
import { useFlowPage } from './useFlowPage.ts'
import { usePlaces, type Shown } from './usePlaces.ts'
import { flowWords } from './words.ts'
import styles from './flow.module.css'

const Canvas = lazy(() => import('./Canvas.tsx'))
const ZOOM = 1.3

interface Props {
  flow: string
  search: FlowSearch
  onSearch: (change: Partial<FlowSearch>) => void
}

/** One flow: its steps and the topics between them, what each does now, and one of them beside. */
export default function FlowView({ flow, search, onSearch }: Props) {
  const page = useFlowPage(flow, search)
  const { graph, now } = page
  const places = usePlaces(flow, graph)
  const flows = useQuery(flowsQuery())
  const navigate = useNavigate()
  const canvas = useRef<CanvasHandle>(null)
  const field = useRef<HTMLInputElement>(null)
  const [again, setAgain] = useState(false)
  const selected = graph === null ? '' : keyOf(graph, search.step)
  const node = graph?.byKey.get(selected)

  const select = (key: string): void => {
    onSearch({ step: graph?.byKey.get(key)?.step?.step ?? key })
  }
  const close = (): void => {
    onSearch({ step: '' })
  }
  const showMatch = (): void => {
    const first = graph && found(graph, search.q)[0]
    if (!first) return
    select(first.key)
    canvas.current?.show(first.key)
  }
  useFlowKeys(canvas, field, search, onSearch)

  return (
    <Page
      title={`${flowWords(flow)} · flow`}
      heading={<Heading flow={flow} />}
      tools={
        <FlowTools
          flow={flow}
          flows={flows.data?.flows ?? []}
          onFlow={(other) => void navigate(flowDoor(other, { view: search.view }))}
          trace={search.trace === '' ? null : page.trace}
          search={search}
          onSearch={onSearch}
          field={field}
          onFound={showMatch}
          canvas={canvas}
          canLayOut={Object.keys(places.layout.data?.nodes ?? {}).length > 0}
          onLayOut={() => { setAgain(true) }}
        />
      }
      asideLabel="Selected node"
      aside={graph && node && <NodePanel key={node.key} graph={graph} node={node} said={now.said.get(node.key)} onClose={close} />}
    >
      <FlowNotices flow={flow} query={page.query} graph={graph} />
      {places.failure && <Failed error={places.failure} />}
      {places.layout.data?.problem && <Failed error={new Error(places.layout.data.problem)} />}
      {graph && graph.nodes.length > 0 && (
        <NowContext value={now}>
          {search.view === 'table' ? (
            <FlowTable label={labelOf(flow)} graph={graph} selected={selected} onSelect={select} />
          ) : (
            <Drawing key={flow} label={labelOf(flow)} shown={places.shown} selected={selected} handle={canvas} onSelect={select} onMove={places.move} />
          )}
        </NowContext>
      )}
      {again && (
        <Confirm
          title="Lay this flow out again?"
          act="Lay out"
          onClose={() => { setAgain(false) }}
          onAct={() => void places.layOutAgain()}
        >
          The places that people gave to its nodes are removed from the project.
        </Confirm>
      )}
    </Page>
  )
}

/** A node is named by its step in the URL, and by its key where it has none. */
const keyOf = (graph: Graph, name: string): string => graph.keyOfStep.get(name) ?? (graph.byKey.has(name) ? name : '')

const labelOf = (flow: string): string => `${flowWords(flow)}: steps and topics`

function useFlowKeys(
  canvas: RefObject<CanvasHandle | null>,
  field: RefObject<HTMLInputElement | null>,
  search: FlowSearch,
  onSearch: (change: Partial<FlowSearch>) => void,
): void {
  const navigate = useNavigate()
  const action = (id: string, words: string, key: string, perform: () => void) => ({ id, label: words, keys: [key], group: 'Flow', perform })
  const leave = search.step !== '' ? { step: '' } : search.trace !== '' ? { trace: '' } : null
  useActions([
    action('search', 'Find a step', '/', () => field.current?.focus()),
    action('table', 'Graph or table', 'L', () => { onSearch({ view: search.view === 'table' ? '' : 'table' }) }),
    action('fit', 'Show the whole flow', '0', () => canvas.current?.fit()),
    action('zoom-in', 'Zoom in', '+', () => canvas.current?.zoom(ZOOM)),
    action('zoom-out', 'Zoom out', '-', () => canvas.current?.zoom(1 / ZOOM)),
    leave === null
      ? action('leave', 'Back to the flows', 'Escape', () => void navigate({ to: '/flows', search: { all: 'on' } }))
      : action('leave', 'Close the panel, then leave the trace', 'Escape', () => { onSearch(leave) }),
  ])
}

function Heading({ flow }: { flow: string }) {
  return (
    <div className={styles.heading}>
      <Link to="/flows" search={{ all: 'on' }}>
        Flows
      </Link>
      <span aria-hidden>/</span>
      <h1>{flowWords(flow)}</h1>
    </div>
  )
}

function Drawing({ shown, ...rest }: Omit<ComponentProps<typeof Canvas>, 'graph' | 'places'> & { shown: Shown | null }) {
  if (shown === null) return <Loading what="the layout" />
  return (
    <Suspense fallback={<Loading what="the graph" />}>
      <Canvas {...rest} graph={shown.graph} places={shown.places} />
    </Suspense>
  )
}

/** What stands in for a graph, or above it. */
function FlowNotices({ flow, query, graph }: { flow: string; query: UseQueryResult<FlowGraph>; graph: Graph | null }) {
  const { data, error, isPending, refetch } = query
  if (isPending) return <Loading what="the flow" />
  if (error instanceof RequestFailed && error.status === 404) {
    return (
      <Empty title="There is no such flow">
        <p>No step that is loaded belongs to {flow}.</p>
        <Link to="/flows" search={{ all: 'on' }}>
          All flows
        </Link>
      </Empty>
    )
  }
  if (!data) return <Failed error={error} retry={() => void refetch()} />
  if (graph?.nodes.length === 0) {
    return (
      <Empty title="No step belongs to this flow">
        <p>
          A step joins a flow with <code>flows: [&apos;name&apos;]</code> in its config.
        </p>
      </Empty>
    )
  }
  return data.cut ? (
    <p className={styles.cut}>
      This flow has more steps than are shown: these are the first {counted(data.nodes.length, 'step')}.
    </p>
  ) : null
}
