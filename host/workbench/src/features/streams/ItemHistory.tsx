import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { WriteRow } from '../../api/results.ts'
import { streamHistoryQuery } from '../../services/data.ts'
import { History } from '../../ui/History.tsx'

const WORDS: Readonly<Record<string, string>> = { set: 'Written', delete: 'Deleted', send: 'Sent' }

/** Who has written an item; or without an id, the events that were sent to a group and are not stored. */
export function ItemHistory({ stream, group, id }: { stream: string; group: string; id: string | null }) {
  const { data } = useQuery(streamHistoryQuery(stream, group, id))
  if (!data) return null
  return (
    <History
      title={id === null ? 'Events sent' : 'History'}
      since={data.since}
      nothing={id === null ? 'No event was sent to this group.' : 'It was written before the traces that are kept.'}
      writes={data.writes.map((each) => ({
        at: each.at,
        what: WORDS[each.operation] ?? each.operation,
        who: <Writer write={each} />,
        value: id === null ? each.data.event : each.data.data,
      }))}
    />
  )
}

function Writer({ write }: { write: WriteRow }) {
  if (write.byOperator) return <strong>an operator</strong>
  if (write.traceId === null || write.runId === null) return <>a run that is not kept any more</>
  return (
    <Link to="/traces/$id" params={{ id: write.traceId }} search={{ span: write.runId }}>
      {write.step ?? 'a step'}
    </Link>
  )
}
