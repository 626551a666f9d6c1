import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { WriteRow } from '../../api/results.ts'
import { stateHistoryQuery } from '../../services/data.ts'
import { History } from '../../ui/History.tsx'

const WORDS: Readonly<Record<string, string>> = { set: 'Written', update: 'Updated', delete: 'Deleted', clear: 'Cleared with its group' }

/** Who has written a value last, and before, each with its trace. */
export function ValueHistory({ group, name }: { group: string; name: string }) {
  const { data } = useQuery(stateHistoryQuery(group, name))
  if (!data) return null
  return (
    <History
      title="Last writer"
      since={data.since}
      nothing="It was written before the traces that are kept."
      writes={data.writes.map((each) => ({
        at: each.at,
        what: WORDS[each.operation] ?? each.operation,
        who: <Writer write={each} />,
        // Of an update, its changes.
        value: each.data.value ?? each.data.ops,
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
