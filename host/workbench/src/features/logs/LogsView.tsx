import { useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useActions } from '../../services/context.tsx'
import { useSettled } from '../../services/useSettled.ts'
import { useAnnounced } from '../../ui/Announcer.tsx'
import { Button } from '../../ui/Controls.tsx'
import { Page } from '../../ui/Page.tsx'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { Fold, plainRows, type LineRows } from './fold.ts'
import { LinePanel } from './LinePanel.tsx'
import { LineRow, LINE_PX } from './LineRow.tsx'
import { LogTools } from './LogTools.tsx'
import { NoLines } from './NoLines.tsx'
import { filterOf, NO_FILTER, type LogsSearch } from './search.ts'
import { Extent } from './Extent.tsx'
import type { LogTail } from './tail.ts'
import { useLogs } from './useLogs.ts'
import { useStay } from './useStay.ts'

interface Props {
  search: LogsSearch
  onSearch: (change: Partial<LogsSearch>) => void
}

const NO_ROWS: LineRows = { length: 0, at: () => undefined, positionOf: () => 0, rowOf: () => 0 }
/** Rows from the top within which older lines are asked for. */
const OLDER_FROM_ROW = 100

/** Live log, oldest line first. At its end it follows; scrolled away it stands still and counts what comes. */
export function LogsView({ search, onSearch }: Props) {
  // A word is looked for when it is typed, not each of its letters.
  const q = useSettled(search.q)
  const filter = useMemo(() => filterOf({ ...search, q }), [search, q])
  const { tail, query } = useLogs(filter, search.line)
  const rows = useRows(tail, search.fold)
  const list = useRef<RowsHandle>(null)
  const field = useRef<HTMLInputElement>(null)
  const following = tail?.isFollowing ?? search.line === undefined
  const noteTop = useStay(rows, following, list)
  const selectedRow = search.line === undefined || tail === undefined ? -1 : tail.ring.rowOf(search.line)
  const selected = useShown(selectedRow < 0 ? undefined : tail?.ring.at(selectedRow), search.line)

  // Opened by its address: the line is brought into sight, once.
  const arrived = useRef(false)
  useEffect(() => {
    if (arrived.current || tail === undefined) return
    arrived.current = true
    if (selectedRow >= 0) list.current?.show(rows.rowOf(tail.ring.begin + selectedRow))
  }, [tail, rows, selectedRow])

  const follow = (): void => {
    if (tail?.follow()) void query.refetch()
    list.current?.toEnd()
  }
  const pause = (): void => tail?.pause()
  const open = (id: number | undefined): void => {
    if (id !== undefined) pause()
    onSearch({ line: id })
  }
  const move = (by: number): void => {
    const at = selectedRow < 0 || tail === undefined ? rows.length : rows.rowOf(tail.ring.begin + selectedRow)
    const next = Math.max(0, Math.min(rows.length - 1, at + by))
    pause()
    list.current?.show(next)
    open(rows.at(next)?.line.id)
  }
  const scrolled = ({ row, atEnd }: { row: number; atEnd: boolean }): void => {
    noteTop(row)
    if (tail === undefined) return
    if (!atEnd) pause()
    else if (tail.isBehind && !tail.ring.isFull) {
      tail.readOn()
      void query.refetch()
    } else if (search.line === undefined && !tail.isFollowing && !tail.isBehind) tail.follow()
    if (row < OLDER_FROM_ROW && !tail.isFollowing) void tail.readOlder().catch(() => undefined)
  }
  useAnnounced('new log lines', following ? '' : pausedWords(tail))
  const navigate = useNavigate()
  const toTrace = (): void => {
    void navigate({ to: '/traces/$id', params: { id: search.trace }, search: search.run ? { span: search.run } : {} })
  }
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Logs', perform: () => field.current?.focus() },
    { id: 'follow', label: 'Follow the newest line', keys: ['End'], group: 'Logs', perform: follow },
    { id: 'pause', label: 'Pause or follow', keys: ['p'], group: 'Logs', perform: following ? pause : follow },
    { id: 'fold', label: 'Fold repeated lines', keys: ['f'], group: 'Logs', perform: () => { onSearch({ fold: !search.fold }) } },
    { id: 'next', label: 'Next line', keys: ['j'], group: 'Logs', perform: () => { move(1) } },
    { id: 'previous', label: 'Previous line', keys: ['k'], group: 'Logs', perform: () => { move(-1) } },
    ...(search.trace === '' ? [] : [{ id: 'trace', label: 'Back to the trace', keys: ['l'], group: 'Logs', perform: toTrace }]),
    { id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Logs', perform: () => { open(undefined) } },
  ])

  return (
    <Page
      title="Logs"
      asideLabel="Selected line"
      aside={selected && <LinePanel line={selected} q={search.q} onClose={() => { open(undefined) }} onSearch={onSearch} />}
      tools={
        <LogTools search={search} onSearch={onSearch} field={field}>
          <Button aria-pressed={following} onClick={following ? pause : follow} title={following ? 'Pause (p)' : 'Follow (End)'}>
            {following ? 'Following' : pausedWords(tail)}
          </Button>
        </LogTools>
      }
    >
      {rows.length === 0 ? (
        <NoLines query={query} filtered={Object.keys(filter).length > 0} onClear={() => { onSearch(NO_FILTER) }} />
      ) : (
        <Rows count={rows.length} rowPx={LINE_PX} label="Log lines, oldest first" role="list" handle={list} onScroll={scrolled}>
          {(row, top) => {
            const found = rows.at(row)
            return (
              found && (
                <LineRow
                  key={found.line.id}
                  line={found.line}
                  count={found.count}
                  top={top}
                  at={row}
                  of={rows.length}
                  selected={found.line.id === search.line}
                  onOpen={open}
                />
              )
            )
          }}
        </Rows>
      )}
      {tail && rows.length > 0 && <Extent tail={tail} onBefore={(until) => { onSearch({ until, line: undefined }) }} />}
    </Page>
  )
}

function useRows(tail: LogTail | undefined, folded: boolean): LineRows {
  const fold = useMemo(() => (tail && folded ? new Fold(tail.ring) : null), [tail, folded])
  fold?.update()
  return fold ?? (tail ? plainRows(tail.ring) : NO_ROWS)
}

/** The open line, kept while the list has let it go. */
function useShown<T>(found: T | undefined, id: number | undefined): T | undefined {
  const [last, setLast] = useState<{ id: number | undefined; found: T } | null>(null)
  if (found !== undefined && (last?.id !== id || last?.found !== found)) setLast({ id, found })
  return found ?? (last !== null && last.id === id && id !== undefined ? last.found : undefined)
}

function pausedWords(tail: LogTail | undefined): string {
  const news = tail?.news ?? 0
  if (news === 0) return tail?.isBehind ? 'Paused · more below' : 'Paused'
  return `Paused · ${news.toLocaleString('en')}${tail?.isBehind ? '+' : ''} new`
}
