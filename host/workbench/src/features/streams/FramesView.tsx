import { useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { streamDoor } from '../../services/addresses.ts'
import { useActions } from '../../services/context.tsx'
import { quoted } from '../../services/search.ts'
import { StreamFrames, type Frame, type Link } from '../../services/streamFrames.ts'
import { useAnnounced } from '../../ui/Announcer.tsx'
import { AtEnd, Button, SearchField, Select, Toolbar } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { saveText } from '../../ui/Download.tsx'
import { parseExact } from '../../ui/exact.ts'
import { Json } from '../../ui/Json.tsx'
import { nameWords } from '../../ui/names.ts'
import { Empty } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { Section } from '../../ui/Section.tsx'
import { Status } from '../../ui/Status.tsx'
import { clock, counted, moment } from '../../ui/time.ts'
import { useNow } from '../../ui/useNow.ts'
import { useRowPx } from '../../ui/useRowPx.ts'
import row from '../../ui/row.module.css'
import well from '../../ui/well.module.css'
import { fileName } from './exported.ts'
import { Crumbs } from './ItemsView.tsx'
import { bytesWords, framesText, kindsOf, listedFrames, rowText, WAY_WORDS } from './monitor.ts'
import type { StreamSearch } from './search.ts'
import styles from './frames.module.css'

interface Props {
  stream: string
  group: string
  search: StreamSearch
  onSearch: (change: Partial<StreamSearch>) => void
}

/** Frames of this page's own subscription to a group, newest first, as they go over its WebSocket. */
export function FramesView({ stream, group, search, onSearch }: Props) {
  const { q, kind, way } = search
  const { frames, dropped, link, retry } = useFrames(stream, group)
  const [from, setFrom] = useState(0)
  const [pausedAt, setPausedAt] = useState<number | null>(null)
  const [opened, setOpened] = useState<Frame | null>(null)
  const list = useRef<RowsHandle>(null)
  const field = useRef<HTMLInputElement>(null)
  const rowPx = useRowPx(32)
  const last = frames.at(-1)?.n ?? 0
  const listed = useMemo(() => listedFrames(frames, { q, kind, way }, from, pausedAt), [frames, q, kind, way, from, pausedAt])
  const focus = useRowFocus(listed.length, list)
  const pause = (): void => { setPausedAt(last) }
  const follow = (): void => { setPausedAt(null); list.current?.toTop() }
  const toggle = pausedAt === null ? pause : follow
  const anew = (): void => { setFrom(last); setOpened(null); setPausedAt(null) }
  const navigate = useNavigate()
  useActions([
    { id: 'search', label: 'Search', keys: ['/'], group: 'Frames', perform: () => field.current?.focus() },
    { id: 'pause', label: 'Pause or follow', keys: ['p'], group: 'Frames', perform: toggle },
    { id: 'anew', label: 'From now on', keys: ['x'], group: 'Frames', perform: anew },
    ...focus.actions('Frames'),
    opened !== null
      ? { id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Frames', perform: () => { setOpened(null) } }
      : { id: 'leave', label: 'Back to the items', keys: ['Escape'], group: 'Frames', perform: () => void navigate(streamDoor(stream, { group: quoted(group) })) },
  ])
  return (
    <Page
      title={`${nameWords(stream)} / ${nameWords(group)} · frames`}
      heading={<Crumbs stream={stream} group={group} />}
      tools={
        <>
          <Toolbar label="Frames">
            <LinkWords link={link} onRetry={retry} />
            <SearchField field={field} label="Words in a frame" value={q} onType={(text) => { onSearch({ q: text }) }} />
            <Select label="Kind" value={kind} choices={[['', 'all'], ...[...new Set([...kindsOf(frames), ...(kind ? [kind] : [])])].map((each) => [each, each] as const)]} onChoose={(chosen) => { onSearch({ kind: chosen }) }} />
            <Select label="Way" value={way} choices={WAYS} onChoose={(chosen) => { onSearch({ way: chosen }) }} />
            <Button aria-pressed={pausedAt !== null} title="Pause or follow (p)" onClick={toggle}>{pausedAt === null ? 'Pause' : pausedWords(last - pausedAt)}</Button>
            <Button title="Show what comes from now on (x)" onClick={anew}>From now on</Button>
            <AtEnd>
              <Button disabled={listed.length === 0} onClick={() => { saveText(fileName([stream, group, 'frames'], 'ndjson'), framesText(listed)) }}>Download NDJSON</Button>
              <Button onClick={() => { onSearch({ frames: false, q: '', kind: '', way: '' }) }}>Items</Button>
            </AtEnd>
          </Toolbar>
          <p className={styles.about}>
            The frames of this page’s own subscription, not those of your clients. They are kept while the page is open
            {dropped > 0 && `; ${counted(dropped, 'older one')} gone`}.
          </p>
        </>
      }
      asideLabel="Selected frame"
      aside={opened !== null && <FramePanel key={opened.n} frame={opened} onClose={() => { setOpened(null) }} />}
    >
      {listed.length === 0 && <Nothing any={frames.some((each) => each.n > from)} onClear={() => { onSearch({ q: '', kind: '', way: '' }) }} />}
      {listed.length > 0 && (
        <Rows role="list" label="Frames" count={listed.length} rowPx={rowPx} handle={list} head={<Head />} onScroll={({ atTop }) => { if (!atTop && pausedAt === null) pause() }}>
          {(at, top) => {
            const frame = listed[at]
            return frame && <Row key={frame.n} frame={frame} at={at} of={listed.length} place={{ top, height: rowPx }} isOpen={frame.n === opened?.n} onOpen={() => { setOpened(frame); if (pausedAt === null) pause() }} />
          }}
        </Rows>
      )}
    </Page>
  )
}

const WAYS = [['', 'both'], ['in', 'in'], ['out', 'out'], ['page', 'the connection']] as const

const pausedWords = (news: number): string => (news === 0 ? 'Paused' : `Paused · ${news.toLocaleString('en')} new`)

/** Frames of a group while the page is on screen. */
function useFrames(stream: string, group: string) {
  const [client] = useState(() => new StreamFrames({ stream, group }))
  useEffect(() => {
    client.start()
    return client.stop
  }, [client])
  return { ...useSyncExternalStore(client.subscribe, client.snapshot), retry: client.start }
}

const LINK_WORDS = { open: ['ok', 'Subscribed'], connecting: ['waiting', 'Connecting'], waiting: ['failed', 'Not connected'] } as const

function LinkWords({ link, onRetry }: { link: Link; onRetry: () => void }) {
  const now = useNow()
  const [tone, word] = LINK_WORDS[link.kind]
  useAnnounced('subscription', word)
  if (link.kind !== 'waiting') return <Status tone={tone} word={word} />
  const seconds = Math.max(0, Math.ceil((link.retryAt - now) / 1000))
  return (
    <span className={styles.lost}>
      <span><Status tone={tone} word={word} /> {link.reason}</span>
      <span className={styles.quiet}>Attempt {link.attempts + 1} in {seconds} s</span>
      <Button onClick={onRetry}>Try now</Button>
    </span>
  )
}

function Nothing({ any, onClear }: { any: boolean; onClear: () => void }) {
  return any ? (
    <Empty title="Nothing matches">
      <Button onClick={onClear}>Clear the filter</Button>
    </Empty>
  ) : (
    <Empty title="No frames yet">
      <p>A change of the group is a frame that stands here at once.</p>
    </Empty>
  )
}

function Head() {
  return (
    <div className={`${row.head} ${row.row} ${styles.frames}`} aria-hidden>
      <span>Time</span>
      <span>Way</span>
      <span>Kind</span>
      <span>Frame</span>
      <span className={row.number}>Size</span>
    </div>
  )
}

interface RowProps {
  frame: Frame
  at: number
  of: number
  place: { top: number; height: number }
  isOpen: boolean
  onOpen: () => void
}

function Row({ frame, at, of, place, isOpen, onOpen }: RowProps) {
  return (
    <div role="listitem" aria-setsize={of} aria-posinset={at + 1} className={row.item} style={place}>
      <button type="button" className={`${row.row} ${styles.frames}`} aria-pressed={isOpen} data-row={at} onClick={onOpen}>
        <span className={row.mono}>{clock(frame.at)}</span>
        <span className={row.quiet}>{WAY_WORDS[frame.way]}</span>
        <span>{frame.kind === 'error' || frame.kind === 'closed' ? <Status tone="failed" word={frame.kind} plain /> : frame.kind}</span>
        <span className={`${row.mono} ${styles.text}`}>{rowText(frame)}</span>
        <span className={row.number}>{bytesWords(frame)}</span>
      </button>
    </div>
  )
}

function FramePanel({ frame, onClose }: { frame: Frame; onClose: () => void }) {
  const value = useMemo(() => (frame.way === 'page' || frame.cut ? undefined : exactOrNone(frame.text)), [frame])
  return (
    <Panel title={frame.kind} about={[moment(frame.at), WAY_WORDS[frame.way], bytesWords(frame)].filter(Boolean).join(' · ')} onClose={onClose}>
      <Section title={frame.way === 'page' ? 'Connection' : 'Frame'} action={frame.text && <Copy text={frame.text} what="frame" />}>
        {value === undefined ? <pre className={well.text} tabIndex={0} role="group" aria-label="Frame">{frame.text || 'The connection opened.'}</pre> : <Json value={value} label="Frame" />}
        {frame.cut && <p className={styles.quiet}>Cut here: the frame is larger, {bytesWords(frame)}.</p>}
      </Section>
    </Panel>
  )
}

function exactOrNone(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}
