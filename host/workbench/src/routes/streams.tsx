import { useParams, useSearch } from '@tanstack/react-router'
import { FramesView } from '../features/streams/FramesView.tsx'
import { ItemsView } from '../features/streams/ItemsView.tsx'
import type { StreamSearch } from '../features/streams/search.ts'
import { StreamsView } from '../features/streams/StreamsView.tsx'
import { StreamView } from '../features/streams/StreamView.tsx'
import { quoted, textOf, unquoted, type Search } from '../services/search.ts'
import { useSearchChange } from './searchChange.ts'

const streamSearch = (search: Search): StreamSearch & { new?: boolean } => ({
  prefix: textOf(search.prefix),
  after: textOf(search.after),
  group: unquoted(search.group),
  id: unquoted(search.id),
  create: search.new === 'on',
  events: search.events === 'on',
  q: textOf(search.q),
  frames: search.frames === 'on',
  kind: textOf(search.kind),
  way: textOf(search.way),
})

export function Streams() {
  const search: Search = useSearch({ strict: false })
  const stream = unquoted(search.stream)
  return stream === undefined ? <StreamsView /> : <Chosen stream={stream} />
}

export function OneStream() {
  const { stream = '' }: { stream?: string } = useParams({ strict: false })
  return <Chosen stream={stream} />
}

function Chosen({ stream }: { stream: string }) {
  const [search, change] = useSearchChange(streamSearch)
  const onSearch = (part: Partial<StreamSearch>): void => {
    const { create, ...rest } = part
    const texts = Object.fromEntries(
      (['group', 'id'] as const).filter((name) => name in part).map((name) => [name, part[name] === undefined ? undefined : quoted(part[name])]),
    )
    change({ ...rest, ...texts, ...(create === undefined ? {} : { new: create }) })
  }
  if (search.group === undefined) return <StreamView key={stream} stream={stream} search={search} onSearch={onSearch} />
  const shown = { stream, group: search.group, search, onSearch }
  const key = `${stream} ${search.group}`
  return search.frames ? <FramesView key={key} {...shown} /> : <ItemsView key={key} {...shown} />
}
