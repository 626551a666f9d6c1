import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { sourceQuery, stepsQuery, tracesOfStepQuery } from '../../services/queries.ts'
import { useAct } from '../../services/useAct.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { FailureView } from '../../ui/FailureView.tsx'
import { Json } from '../../ui/Json.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { NotedSource } from '../../ui/NotedSource.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { clock, duration, iso, moment } from '../../ui/time.ts'
import type { Graph, Node } from './graph.ts'
import { IDLE, TONES, type Said } from './status.ts'
import { kindWords } from './words.ts'
import styles from './flow.module.css'

interface Props {
  graph: Graph
  node: Node
  said: Said | undefined
  onClose: () => void
}

/** What a node is: what it does now, its last runs, its config and its source. */
export function NodePanel({ graph, node, said = IDLE, onClose }: Props) {
  const step = node.step?.step
  const emitted = [...new Set(graph.ways.filter((way) => way.from === node.key).flatMap((way) => way.topics))]
  const taken = [...new Set(graph.ways.filter((way) => way.to === node.key && !way.virtual).flatMap((way) => way.topics))]
  return (
    <Panel
      title={node.name}
      onClose={onClose}
      about={
        <>
          {kindWords(node)}
          {node.kind === 'step' && node.line && <code>{node.line}</code>}
        </>
      }
      doors={<Doors node={node} taken={node.kind === 'topic' ? [node.name] : taken} />}
    >
      {node.kind !== 'topic' && node.problem === null && (
        <p className={styles.now}>
          <Status tone={said.tone} word={said.words} />
        </p>
      )}
      {node.kind === 'topic' && <p className={styles.now}>{node.problem ? <Status tone="failed" word={node.problem} /> : node.line}</p>}
      {node.step?.description && <p className={styles.about}>{node.step.description}</p>}
      {node.kind !== 'topic' && node.problem !== null && <Broken problem={node.problem} />}
      {step !== undefined && node.step?.type !== 'noop' && <LastRuns step={step} />}
      {step !== undefined && <Source step={step} marks={emitted} />}
      {step !== undefined && <Config step={step} />}
    </Panel>
  )
}

function Doors({ node, taken }: { node: Node; taken: readonly string[] }) {
  const step = node.step?.step ?? ''
  return (
    <>
      {node.step !== null && <OpenInEditor step={step} />}
      {node.step?.type === 'api' && <Link to="/endpoints" search={{ step }}>Try it</Link>}
      {(node.step?.type === 'event' || node.kind === 'topic') &&
        taken.map((topic) => (
          <Link key={topic} to="/emit" search={{ topic }}>
            {taken.length === 1 ? 'Emit to this' : `Emit ${topic}`}
          </Link>
        ))}
      {node.step?.type === 'cron' && (
        <Link to="/cron" search={{ step }}>
          Times and “run now”
        </Link>
      )}
      {node.step !== null && node.step.type !== 'noop' && (
        <>
          <Link to="/logs" search={{ step }}>
            Logs
          </Link>
          <Link to="/dead-letters" search={{ step }}>
            Dead letters
          </Link>
        </>
      )}
      {node.kind !== 'topic' && (
        <Link to="/steps" search={{ step: node.step === null ? node.key : step }}>
          In the list of steps
        </Link>
      )}
    </>
  )
}

function OpenInEditor({ step }: { step: string }) {
  const editor = useAct('open_in_editor')
  return (
    <>
      <Button disabled={editor.isPending} onClick={() => { editor.mutate({ step }) }}>
        Open in editor
      </Button>
      <span role="status">
        {editor.data && `Opened in ${editor.data.editor}`}
        {editor.error && [editor.error.message, editor.error.hint].filter(Boolean).join('. ')}
      </span>
    </>
  )
}

function Broken({ problem }: { problem: string }) {
  const [message = '', ...rest] = problem.split('\n')
  return <FailureView failure={{ name: '', message, frame: rest.join('\n'), stack: '', place: null }} />
}

function LastRuns({ step }: { step: string }) {
  const { data, error } = useQuery(tracesOfStepQuery(step))
  return (
    <Section title="Last traces">
      {error && !data && <Failed error={error} />}
      {!data && !error && <Loading what="traces" />}
      {data?.traces.length === 0 && <p className={styles.quiet}>None yet.</p>}
      <ul className={styles.runs}>
        {data?.traces.map((trace) => {
          const [tone, word] = TONES[trace.status] ?? ['unknown', trace.status]
          return (
            <li key={trace.traceId}>
              <Status tone={tone} word={word} plain />
              <Link to="/traces/$id" params={{ id: trace.traceId }} search={{}}>
                {trace.name}
              </Link>
              <span className={styles.quiet}>{duration(trace.durationMs)}</span>
              <time className={styles.quiet} dateTime={iso(trace.startedAt)} title={moment(trace.startedAt)}>
                {clock(trace.startedAt).slice(0, 8)}
              </time>
              <Link to="." search={(old) => ({ ...old, trace: trace.traceId })} aria-label={`Show the path of ${trace.name} at ${clock(trace.startedAt)}`}>
                Path
              </Link>
            </li>
          )
        })}
      </ul>
    </Section>
  )
}

function Source({ step, marks }: { step: string; marks: readonly string[] }) {
  const { data, error } = useQuery(sourceQuery(step))
  return (
    <Section title="Source" action={data && <Copy text={data.text} what="source" />}>
      {error && !data && <Failed error={error} />}
      {!data && !error && <Loading what="the source" />}
      {data && (
        <p className={styles.quiet}>
          <code>{data.file}</code>
          {marks.length > 0 && ' · lines with what it emits stand out'}
          {data.cut && ' · cut: the file is larger'}
        </p>
      )}
      {data && <NotedSource source={data} marks={marks} />}
    </Section>
  )
}

function Config({ step }: { step: string }) {
  const { data } = useQuery(stepsQuery())
  const row = data?.steps.find((each) => each.name === step)
  if (row === undefined) return null
  const config = Object.fromEntries(Object.entries(row).filter(([name, value]) => !APART.has(name) && !isEmpty(value)))
  return (
    <Section title="Config" action={<Copy text={JSON.stringify(config, null, 2)} what="config" />}>
      <Json value={config} label="Config" />
    </Section>
  )
}

/** Shown elsewhere in the panel. */
const APART = new Set(['name', 'error', 'warnings', 'description', 'file'])
const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
