import { Autocomplete } from '@base-ui/react/autocomplete'
import { CSPProvider } from '@base-ui/react/csp-provider'
import { Dialog } from '@base-ui/react/dialog'
import { useQuery } from '@tanstack/react-query'
import { Search } from 'lucide-react'
import { useMemo, useRef, useState } from 'react'
import type { Action } from '../../services/actions.ts'
import { groupsQuery, keysQuery, stepsQuery, tracesQuery } from '../../services/queries.ts'
import { nameWords } from '../../ui/names.ts'
import {
  actionEntries,
  groupEntries,
  isTraceId,
  keyEntries,
  keySearch,
  searcher,
  stepEntries,
  traceEntries,
  used,
  type Entry,
  type Has,
} from './model.ts'
import styles from './palette.module.css'

interface Props {
  open: boolean
  onClose: () => void
  actions: readonly Action[]
  has: Has
  go: (href: string) => void
}

/** Everything by its name: pages, steps, topics, routes, traces, state, streams, settings, and what can be done here. */
export function Palette({ open, onClose, actions, has, go }: Props) {
  const chosen = useRef<Entry | null>(null)
  const [recent, setRecent] = useState<string[]>([])
  const choose = (entry: Entry): void => {
    chosen.current = entry
    setRecent((before) => used(before, entry.id))
    onClose()
  }
  // What was chosen is done when the dialog is gone: until then it holds the focus.
  const finish = (isOpen: boolean): void => {
    const entry = chosen.current
    chosen.current = null
    if (isOpen || entry === null) return
    if ('href' in entry.act) go(entry.act.href)
    else entry.act.perform()
  }
  return (
    <CSPProvider disableStyleElements>
      <Dialog.Root
        open={open}
        onOpenChange={(next) => {
          if (!next) onClose()
        }}
        onOpenChangeComplete={finish}
      >
        <Dialog.Portal>
          <Dialog.Backdrop className={styles.backdrop} />
          <Dialog.Popup className={styles.popup} aria-label="Commands" finalFocus={() => chosen.current === null}>
            <Finder actions={actions} has={has} recent={recent} onChoose={choose} />
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>
    </CSPProvider>
  )
}

interface FinderProps {
  actions: readonly Action[]
  has: Has
  recent: readonly string[]
  onChoose: (entry: Entry) => void
}

function Finder({ actions, has, recent, onChoose }: FinderProps) {
  const [text, setText] = useState('')
  const entries = useEntries(actions, has, text)
  const find = useMemo(() => searcher(entries), [entries])
  const found = useMemo(() => find(text, recent), [find, text, recent])
  return (
    <Autocomplete.Root
      open
      inline
      mode="none"
      items={found}
      value={text}
      onValueChange={(next, details) => {
        if (details.reason !== 'item-press') setText(next)
      }}
      itemToStringValue={(entry: Entry) => entry.label}
      autoHighlight="always"
      keepHighlight
    >
      <div className={styles.field}>
        <Search size={16} aria-hidden />
        <Autocomplete.Input className={styles.input} aria-label="Find a command, page, step or trace" placeholder="Find a command, page, step, trace…" />
      </div>
      <Autocomplete.Empty>
        <p className={styles.empty}>Nothing is called “{text}”.</p>
      </Autocomplete.Empty>
      <Autocomplete.List className={styles.list}>
        {(entry: Entry) => (
          <Autocomplete.Item
            key={entry.id}
            value={entry}
            className={styles.item}
            onClick={() => {
              onChoose(entry)
            }}
          >
            <span className={styles.label}>{nameWords(entry.label)}</span>
            {entry.hint && <span className={styles.hint}>{entry.hint}</span>}
            <span className={styles.kind}>{entry.kind}</span>
          </Autocomplete.Item>
        )}
      </Autocomplete.List>
    </Autocomplete.Root>
  )
}

/** What can be found now: what the text names of traces and keys is asked of the host. */
function useEntries(actions: readonly Action[], has: Has, text: string): readonly Entry[] {
  const steps = useQuery(stepsQuery()).data
  const groups = useQuery(groupsQuery('')).data?.groups
  const traces = useQuery({ ...tracesQuery({ text }), enabled: isTraceId(text) }).data?.traces
  const names = useMemo(() => (groups ?? []).map((each) => each.group), [groups])
  const place = keySearch(text, names)
  const keys = useQuery({ ...keysQuery(place?.group ?? '', place?.prefix ?? ''), enabled: place !== null }).data?.keys
  const group = place?.group
  return useMemo(
    () => [
      ...actionEntries(actions),
      ...(steps ? stepEntries(steps, has) : []),
      ...groupEntries(groups ?? []),
      ...(keys && group !== undefined ? keyEntries(group, keys) : []),
      ...traceEntries(traces ?? []),
    ],
    [actions, steps, has, groups, keys, group, traces],
  )
}
