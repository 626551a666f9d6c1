import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { ModelUse as Use } from '../../api/results.ts'
import { traceModelsQuery } from '../../services/queries.ts'
import { Section } from '../../ui/Section.tsx'
import { counted } from '../../ui/time.ts'
import { KINDS, type Skeleton } from './skeleton.ts'
import styles from './steptable.module.css'
import { tokenWords } from './words.ts'

/** Calls of language models in a trace, by model; nothing is asked of a trace without any. */
function useModels(traceId: string, skeleton: Skeleton): readonly Use[] {
  const hasCalls = useMemo(() => skeleton.kind.includes(KINDS.indexOf('llm')), [skeleton])
  return useQuery({ ...traceModelsQuery(traceId), enabled: hasCalls }).data?.models ?? []
}

interface Props {
  traceId: string
  skeleton: Skeleton
}

/** What the calls of language models of a trace took, in a few words. */
export function ModelFacts({ traceId, skeleton }: Props) {
  const models = useModels(traceId, skeleton)
  if (models.length === 0) return null
  return <span title={models.map((each) => `${each.model}: ${tokenWords([each])}`).join('\n')}>{tokenWords(models)} · cost unknown</span>
}

/** The same by model. */
export function ModelTable({ traceId, skeleton }: Props) {
  const models = useModels(traceId, skeleton)
  if (models.length === 0) return null
  const number = (value: number | null): string => value?.toLocaleString('en') ?? 'not told'
  return (
    <Section title="Language models">
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">Calls</th>
            <th scope="col">Failed</th>
            <th scope="col">Tokens in</th>
            <th scope="col">out</th>
          </tr>
        </thead>
        <tbody>
          {models.map((each) => (
            <tr key={`${each.model} ${each.provider ?? ''}`}>
              <th scope="row">{each.model}</th>
              <td>{each.calls.toLocaleString('en')}</td>
              <td data-some={each.failed > 0}>{each.failed.toLocaleString('en')}</td>
              <td>{number(each.tokensIn)}</td>
              <td>{number(each.tokensOut)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Untold models={models} />
    </Section>
  )
}

function Untold({ models }: { models: readonly Use[] }) {
  const calls = models.reduce((all, each) => all + each.untold, 0)
  return <p className={styles.cut}>{calls > 0 && `${counted(calls, 'answer')} told no tokens. `}The host knows no prices: the cost is unknown.</p>
}
