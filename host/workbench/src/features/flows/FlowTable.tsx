import { use } from 'react'
import { Status } from '../../ui/Status.tsx'
import { NowContext } from './FlowContext.ts'
import type { Graph, Node } from './graph.ts'
import { IDLE } from './status.ts'
import { kindWords, WORK_WORDS } from './words.ts'
import styles from './table.module.css'

interface Props {
  label: string
  graph: Graph
  selected: string
  onSelect: (key: string) => void
}

/** The same graph as rows: what each node is, what leads to it and where it leads. */
export function FlowTable({ label, graph, selected, onSelect }: Props) {
  const { said, work, matches, flowing } = use(NowContext)
  const shown = matches === null ? graph.nodes : graph.nodes.filter(({ key }) => matches.has(key))
  return (
    <div className={styles.scroll}>
      <table className={styles.table} aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Now</th>
            <th scope="col" title={WORK_WORDS}>
              Work p95
            </th>
            <th scope="col">Starts with</th>
            <th scope="col">Comes from</th>
            <th scope="col">Leads to</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((node) => {
            const { tone, words } = said.get(node.key) ?? IDLE
            return (
              <tr key={node.key} data-selected={node.key === selected} data-broken={node.problem !== null}>
                <th scope="row">
                  <button type="button" aria-pressed={node.key === selected} onClick={() => { onSelect(node.key) }}>
                    {node.name}
                  </button>
                  <span className={styles.kind}>{kindWords(node)}</span>
                </th>
                <td data-label="Now">
                  {node.kind === 'topic' ? (node.problem ? <Status tone="failed" word={node.problem} plain /> : node.line) : <Status tone={tone} word={words} plain />}
                </td>
                <td data-label="Work p95">{work.get(node.key) ?? ''}</td>
                <td data-label="Starts with">{node.kind === 'topic' ? '' : <code>{node.kind === 'file' ? node.key : node.line}</code>}</td>
                <td data-label="Comes from">
                  <Ways graph={graph} node={node} end="from" flowing={flowing} />
                </td>
                <td data-label="Leads to">
                  <Ways graph={graph} node={node} end="to" flowing={flowing} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function Ways({ graph, node, end, flowing }: { graph: Graph; node: Node; end: 'from' | 'to'; flowing: ReadonlyMap<string, { words: string }> }) {
  const ways = graph.ways.filter((way) => way[end === 'from' ? 'to' : 'from'] === node.key)
  return (
    <ul>
      {ways.map((way) => {
        const other = graph.byKey.get(way[end])
        const about = [way.conditional ? 'conditional' : '', way.virtual ? 'drawn only' : '', way.waits ? 'waited for' : '', way.cancels ? 'cancels runs' : '', ...way.labels, flowing.get(way.id)?.words ?? ''].filter(Boolean)
        return (
          <li key={way.id}>
            {other?.kind === 'topic' ? (
              <span>{other.problem ?? other.line}: </span>
            ) : (
              <strong>{other?.name} </strong>
            )}
            <code>{way.topics.join(', ')}</code>
            {about.length > 0 && <span className={styles.kind}> {about.join(', ')}</span>}
          </li>
        )
      })}
    </ul>
  )
}
