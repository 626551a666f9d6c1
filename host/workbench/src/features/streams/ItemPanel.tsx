import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { itemQuery, writeItem } from '../../services/data.ts'
import type { RequestFailed } from '../../services/http.ts'
import { useChange } from '../../services/useChange.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { parseExact, pretty } from '../../ui/exact.ts'
import { Json } from '../../ui/Json.tsx'
import { JsonEditor, jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { nameWords } from '../../ui/names.ts'
import edit from '../../ui/edit.module.css'
import { ItemHistory } from './ItemHistory.tsx'
import { dataOf, oneItemOf, type Item } from './model.ts'
import { Schema } from './NewItem.tsx'

interface Props {
  stream: string
  group: string
  id: string
  onClose: () => void
  removal: Removal
}

/** Deletion of the item that is shown, and how it went. */
export interface Removal {
  isPending: boolean
  error: RequestFailed | null
  start: (item: Item) => void
}

/** Text in the editor, and the item as it was when the edit began. */
interface Draft {
  text: string
  base: string
}

/** One item of a stream: as a tree, or in an editor beside its schema. */
export function ItemPanel({ stream, group, id, onClose, removal }: Props) {
  const { data, error } = useQuery(itemQuery(stream, group, id))
  const isGone = error !== null && 'status' in error && error.status === 404
  const item = useMemo(() => (data === undefined || isGone ? null : oneItemOf(data)), [data, isGone])
  const [draft, setDraft] = useState<Draft | null>(null)
  return (
    <Panel title={nameWords(id)} about={`In ${nameWords(group)} of ${nameWords(stream)}`} onClose={onClose}>
      {isGone && !draft && (
        <Section title="No item">
          <p className={edit.quiet}>There is none with this id: it was deleted, or never written.</p>
        </Section>
      )}
      {error && !isGone && <Failed error={error} />}
      {!item && !error && <Loading what="the item" />}
      {draft && <Editor stream={stream} group={group} id={id} draft={draft} now={item} onDraft={setDraft} />}
      {item && !draft && (
        <Shown item={item} removal={removal} onEdit={() => { setDraft({ text: dataOf(item), base: item.source }) }} />
      )}
      {!draft && data !== undefined && <ItemHistory stream={stream} group={group} id={id} />}
    </Panel>
  )
}

function Shown({ item, removal, onEdit }: { item: Item; removal: Removal; onEdit: () => void }) {
  const value = useMemo(() => parseExact(item.source), [item.source])
  return (
    <Section title="Item" action={<Copy text={pretty(item.source)} what="item" />}>
      <Json value={value} label="Item" />
      <div className={edit.buttons}>
        <Button onClick={onEdit}>Edit</Button>
        <Button disabled={removal.isPending} onClick={() => { removal.start(item) }}>
          Delete
        </Button>
      </div>
      {removal.error && <Failed error={removal.error} />}
    </Section>
  )
}

interface EditorProps {
  stream: string
  group: string
  id: string
  draft: Draft
  now: Item | null
  onDraft: (draft: Draft | null) => void
}

/** Editor of an item. One that changes meanwhile is shown before it is overwritten: a stream knows no versions. */
function Editor({ stream, group, id, draft, now, onDraft }: EditorProps) {
  const write = useChange(writeItem)
  const isStale = (now?.source ?? '') !== draft.base
  const save = (): void => {
    write.mutate({ stream, group, id, source: draft.text }, { onSuccess: () => { onDraft(null) } })
  }
  return (
    <>
      <Section title="Edit">
        <JsonEditor label="Data as JSON" value={draft.text} onChange={(text) => { onDraft({ ...draft, text }) }} onSubmit={() => { if (!isStale) save() }} />
        {isStale && (
          <div className={edit.conflict} role="alert">
            <p>
              <strong>The item has changed since you began to edit.</strong> Nothing was saved; yours is in the editor above.
            </p>
            <h4>Theirs, in the stream now</h4>
            <pre tabIndex={0} role="group" aria-label="Theirs">
              {now ? dataOf(now) : 'deleted'}
            </pre>
          </div>
        )}
        {write.error && <Failed error={write.error} />}
        <div className={edit.buttons}>
          <Button disabled={write.isPending || jsonProblem(draft.text) !== null} onClick={save}>
            {isStale ? 'Save mine over theirs' : 'Save'}
          </Button>
          {isStale && now && <Button onClick={() => { onDraft({ text: dataOf(now), base: now.source }) }}>Take theirs</Button>}
          <Button onClick={() => { onDraft(null) }}>Cancel</Button>
        </div>
      </Section>
      <Schema stream={stream} />
    </>
  )
}
