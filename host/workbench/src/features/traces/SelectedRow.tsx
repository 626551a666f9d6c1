import { Failed, Loading } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import { duration } from '../../ui/time.ts'
import type { Skeleton } from './skeleton.ts'
import { isUnderWay } from './underway.ts'
import { SpanPanel } from './SpanPanel.tsx'
import { useRowDetail } from './useRowDetail.ts'

/** The selected row, with all that is kept of it: read when it is selected, and again when it has changed. */
export function SelectedRow(props: { traceId: string; skeleton: Skeleton; row: number; onClose: () => void }) {
  const { traceId, skeleton, row } = props
  const { ref, error } = useRowDetail(traceId, skeleton, row)
  if (isUnderWay(skeleton, row)) {
    return (
      <SpanPanel traceId={traceId} skeleton={skeleton} row={row} onClose={props.onClose} reference={undefined}>
        <Section title="Under way">
          <p>{`It goes on for ${duration((skeleton.end[row] ?? 0) - (skeleton.start[row] ?? 0))}. What it sent and got is shown when it has ended.`}</p>
        </Section>
      </SpanPanel>
    )
  }
  return (
    <SpanPanel traceId={traceId} skeleton={skeleton} row={row} onClose={props.onClose} reference={ref}>
      {ref === undefined && (error ? <Failed error={error} /> : <Loading what="the row" />)}
    </SpanPanel>
  )
}
