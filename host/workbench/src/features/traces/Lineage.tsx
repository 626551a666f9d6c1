import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReplayRow } from '../../api/results.ts'
import { replaysQuery } from '../../services/replays.ts'
import { clock, counted } from '../../ui/time.ts'
import styles from './lineage.module.css'
import { statusWords } from './words.ts'

/** What this trace is a replay of, and where its runs were replayed: both with a way there and a comparison. */
export function Lineage({ traceId }: { traceId: string }) {
  const { data } = useQuery(replaysQuery(traceId))
  if (!data || (data.of === null && data.replays.length === 0)) return null
  return (
    <div className={styles.lineage} role="group" aria-label="Replays">
      {data.of && (
        <p>
          Replay of{' '}
          <Link to="/traces/$id" params={{ id: data.of.ofTraceId }} search={{ span: data.of.ofRunId }}>
            {data.of.step} in trace {data.of.ofTraceId.slice(-8)}
          </Link>
          {data.of.edited ? ', edited' : ', as it was'}
          {' · '}
          <Link to="/compare/$a/$b" params={{ a: data.of.ofTraceId, b: traceId }} search={{}}>
            Compare both
          </Link>
        </p>
      )}
      {data.replays.length > 0 && (
        <details>
          <summary>
            Replayed {data.replays.length.toLocaleString('en')}
            {data.cursor === null ? '' : '+'}×
          </summary>
          <ul>
            {data.replays.map((each) => (
              <Replay key={`${each.traceId} ${each.at}`} replay={each} traceId={traceId} />
            ))}
          </ul>
          {data.cursor !== null && <p>The first {counted(data.replays.length, 'replay')} are listed.</p>}
        </details>
      )}
    </div>
  )
}

function Replay({ replay, traceId }: { replay: ReplayRow; traceId: string }) {
  const edited = replay.edited ? ', edited' : ''
  if (replay.traceId === traceId) {
    return (
      <li>
        {clock(replay.at)} {replay.step} went on from the dead letters here{edited}
      </li>
    )
  }
  return (
    <li>
      {clock(replay.at)}{' '}
      {replay.status === null ? (
        <span>
          {replay.step} in trace {replay.traceId.slice(-8)}, which is not kept
        </span>
      ) : (
        <>
          <Link to="/traces/$id" params={{ id: replay.traceId }} search={{}}>
            {replay.step} in trace {replay.traceId.slice(-8)}
          </Link>
          {`, ${statusWords(replay.status).word.toLowerCase()}${edited} · `}
          <Link to="/compare/$a/$b" params={{ a: traceId, b: replay.traceId }} search={{}}>
            Compare
          </Link>
        </>
      )}
    </li>
  )
}
