import { Failed, Loading } from '../../ui/Notices.tsx'
import type { Skeleton } from './skeleton.ts'
import { SpanPanel } from './SpanPanel.tsx'
import { useRowDetail } from './useRowDetail.ts'

/** The selected row, with all that is kept of it: read when it is selected, and again when it has changed. */
export function SelectedRow(props: { traceId: string; skeleton: Skeleton; row: number; onClose: () => void }) {
  const { traceId, skeleton, row } = props
  const { ref, error } = useRowDetail(traceId, skeleton, row)
  return (
    <SpanPanel skeleton={skeleton} row={row} onClose={props.onClose} reference={ref}>
      {ref === undefined && (error ? <Failed error={error} /> : <Loading what="the row" />)}
    </SpanPanel>
  )
}
