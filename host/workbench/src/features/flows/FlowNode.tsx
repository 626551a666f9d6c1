import { Handle, Position, type Node as DrawnNode, type NodeProps } from '@xyflow/react'
import { memo, use } from 'react'
import { languageWords } from '../../ui/names.ts'
import { Status } from '../../ui/Status.tsx'
import { NowContext } from './FlowContext.ts'
import type { Node } from './graph.ts'
import { KindIcon } from './KindIcon.tsx'
import { IDLE } from './status.ts'
import { kindWords, WORK_WORDS } from './words.ts'
import styles from './node.module.css'

export type FlowDrawn = DrawnNode<{ node: Node }, 'flow'>

/** A step, a file that does not load, or a topic with an open end. Its size is fixed, whatever it says. */
export const FlowNode = memo(function FlowNode({ data, selected }: NodeProps<FlowDrawn>) {
  const { node } = data
  const { said, work, path, matches } = use(NowContext)
  const { tone, words } = said.get(node.key) ?? IDLE
  const quiet = (path !== null && !path.nodes.has(node.key)) || (matches !== null && !matches.has(node.key))
  const kind = node.step?.type ?? node.kind
  const took = work.get(node.key)
  return (
    <div className={styles.node} data-kind={kind} data-broken={node.problem !== null} data-selected={selected} data-quiet={quiet} title={node.problem ?? node.step?.description ?? undefined}>
      <Handle type="target" position={Position.Left} isConnectable={false} className={styles.handle} data-used={node.hasWaysIn} />
      <p className={styles.name}>
        <span className={styles.icon} title={kindWords(node)}>
          <KindIcon node={node} />
        </span>
        <strong>{node.name}</strong>
        {node.kind !== 'topic' && <span className={styles.what}>{node.step === null ? 'File' : languageWords(node.step.language)}</span>}
      </p>
      <p className={styles.line}>{node.line}</p>
      {node.kind !== 'topic' && (
        <p className={styles.said}>
          <Status tone={tone} word={words} plain />
          {took !== undefined && (
            <span className={styles.what} title={WORK_WORDS}>
              p95 {took}
            </span>
          )}
        </p>
      )}
      <Handle type="source" position={Position.Right} isConnectable={false} className={styles.handle} data-used={node.hasWaysOut} />
    </div>
  )
})
