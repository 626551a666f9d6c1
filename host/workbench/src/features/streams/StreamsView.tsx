import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useRef } from 'react'
import type { StreamRow } from '../../api/results.ts'
import { streamDoor } from '../../services/addresses.ts'
import { useActions } from '../../services/context.tsx'
import { stepsQuery } from '../../services/queries.ts'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { Status } from '../../ui/Status.tsx'
import { useRowPx } from '../../ui/useRowPx.ts'
import row from '../../ui/row.module.css'
import { propertiesOf } from './model.ts'
import styles from './streams.module.css'

/** Streams that the project declares. */
export function StreamsView() {
  const { data, error, isPending, refetch } = useQuery(stepsQuery())
  const list = useRef<RowsHandle>(null)
  const rowPx = useRowPx(32)
  const streams = data?.streams ?? []
  const focus = useRowFocus(streams.length, list)
  useActions(focus.actions('Streams'))
  return (
    <Page title="Streams">
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="streams" />}
      {data && streams.length === 0 && (
        <Empty title="No streams">
          <p>
            Save a file such as <code>steps/messages.stream.ts</code> with a name and a schema, and the stream is listed here with its items.
          </p>
        </Empty>
      )}
      {streams.length > 0 && (
        <Rows role="list" label="Streams" count={streams.length} rowPx={rowPx} handle={list} head={<Head />}>
          {(at, top) => {
            const stream = streams[at]
            return (
              stream && (
                <div key={stream.file} role="listitem" aria-setsize={streams.length} aria-posinset={at + 1} className={row.item} style={{ top, height: rowPx }}>
                  <Row stream={stream} at={at} />
                </div>
              )
            )
          }}
        </Rows>
      )}
    </Page>
  )
}

function Head() {
  return (
    <div className={`${row.head} ${row.row} ${styles.streams}`} aria-hidden>
      <span>Stream</span>
      <span>Fields</span>
      <span>File</span>
    </div>
  )
}

function Row({ stream, at }: { stream: StreamRow; at: number }) {
  const inside = (
    <>
      <span className={row.name}>{stream.name}</span>
      <span className={styles.about}>
        {stream.error ? <Status tone="failed" word="Does not load" /> : propertiesOf(stream.schema).join(', ') || 'no schema'}
      </span>
      <span className={`${row.mono} ${row.quiet} ${row.wideOnly}`}>{stream.file}</span>
    </>
  )
  const names = `${row.row} ${styles.streams}`
  // The items of a stream that does not load cannot be read; its page of steps says why.
  return stream.error ? (
    <Link to="/steps" search={{ step: stream.name }} className={names} data-row={at}>
      {inside}
    </Link>
  ) : (
    <Link {...streamDoor(stream.name)} className={names} data-row={at}>
      {inside}
    </Link>
  )
}
