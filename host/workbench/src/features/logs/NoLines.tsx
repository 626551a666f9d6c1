import { Button } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { useAnyLine } from './useLogs.ts'

interface Props {
  query: { isPending: boolean; error: Error | null; refetch: () => unknown }
  filtered: boolean
  onClear: () => void
}

/** Why there are no lines, and what to do about it. */
export function NoLines({ query, filtered, onClear }: Props) {
  const any = useAnyLine(filtered && !query.isPending && query.error === null)
  if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />
  if (query.isPending || any.isLoading) return <Loading what="logs" />
  if (filtered && any.data !== false) {
    return (
      <Empty title="Nothing matches">
        <p>None of the lines that are kept matches the filter. New ones that do are shown here.</p>
        <Button onClick={onClear}>Clear the filter</Button>
      </Empty>
    )
  }
  return (
    <Empty title="No logs yet">
      <p>What steps print or log with their logger is shown here. Call a route, or fire a cron step.</p>
    </Empty>
  )
}
