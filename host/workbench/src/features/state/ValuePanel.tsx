import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { SHOWN_BYTES_MAX, readValue, sizeQuery, valueQuery } from '../../services/data.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { Download } from '../../ui/Download.tsx'
import { parseExact, pretty } from '../../ui/exact.ts'
import { Json } from '../../ui/Json.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import { nameWords } from '../../ui/names.ts'
import edit from '../../ui/edit.module.css'
import { draftOf, readOf, sizeWords, valueTextOf, type Draft } from './model.ts'
import { Rename } from './Rename.tsx'
import type { ValueActs } from './useKeyActs.ts'
import { ValueEditor } from './ValueEditor.tsx'
import { ValueHistory } from './ValueHistory.tsx'

interface Props {
  group: string
  name: string
  onClose: () => void
  acts: ValueActs
}

/** One value: as a tree, in an editor, or as a file when it is too large to show. */
export function ValuePanel({ group, name, onClose, acts }: Props) {
  const size = useQuery(sizeQuery(group, name))
  const isLarge = (size.data ?? 0) > SHOWN_BYTES_MAX
  const [draft, setDraft] = useState<Draft | null>(null)
  const isThere = typeof size.data === 'number'
  return (
    <Panel
      title={nameWords(name)}
      about={isThere ? `${sizeWords(size.data ?? 0)} in the store, in ${nameWords(group)}` : `In ${nameWords(group)}`}
      doors={
        isThere && (
          <Download
            words="Download"
            name={`${group}-${name}.json`.replace(/[^\w.-]+/g, '_')}
            read={async () => valueTextOf(await readValue({ group, key: name }))}
          />
        )
      }
      onClose={onClose}
    >
      {size.error && <Failed error={size.error} retry={() => void size.refetch()} />}
      {size.isPending && <Loading what="the value" />}
      {size.data === null && !draft && (
        <Section title="No value">
          <p className={edit.quiet}>There is none with this key: it was deleted, or never written.</p>
        </Section>
      )}
      {isLarge && !draft && (
        <Section title="Value">
          <p className={edit.quiet}>It is too large to show here. Download it to look at it.</p>
          <Remove name={name} version={null} acts={acts} />
        </Section>
      )}
      {((isThere && !isLarge) || draft) && (
        <Shown group={group} name={name} isThere={isThere} draft={draft} onDraft={setDraft} acts={acts} />
      )}
      {size.data !== undefined && !draft && <ValueHistory group={group} name={name} />}
    </Panel>
  )
}

interface ShownProps extends Omit<Props, 'onClose'> {
  isThere: boolean
  draft: Draft | null
  onDraft: (draft: Draft | null) => void
}

function Shown({ group, name, isThere, draft, onDraft, acts }: ShownProps) {
  const { data, error, isPending } = useQuery({ ...valueQuery(group, name), enabled: isThere })
  const read = useMemo(() => (data === undefined ? null : readOf(data)), [data])
  const [renaming, setRenaming] = useState(false)
  const value = useMemo(() => (read === null ? null : parseExact(read.source)), [read])
  if (draft) {
    return <ValueEditor group={group} name={name} draft={draft} now={isThere ? read : null} onDraft={onDraft} />
  }
  if (error && read === null) return <Failed error={error} />
  if (isPending || read === null) return <Loading what="the value" />
  return (
    <Section title="Value" action={<Copy text={pretty(read.source)} what="value" />}>
      <Json value={value} label="Value" />
      <div className={edit.buttons}>
        <Button onClick={() => { onDraft(draftOf(read)) }}>Edit</Button>
        {!renaming && <Button onClick={() => { setRenaming(true) }}>Rename…</Button>}
        <Remove name={name} version={read.version} acts={acts} />
      </div>
      {renaming && (
        <Rename name={name} isPending={acts.isPending} error={acts.renameError} onRename={(to) => { acts.rename(name, to, read.version) }} onCancel={() => { setRenaming(false) }} />
      )}
    </Section>
  )
}

/** Button that deletes a value at once: the list offers the way back. */
function Remove({ name, version, acts }: { name: string; version: string | null; acts: ValueActs }) {
  const changed = acts.error?.status === 409
  return (
    <>
      <Button disabled={acts.isPending} onClick={() => { acts.remove(name, version) }}>
        Delete
      </Button>
      {changed && <span role="alert">It has changed meanwhile, so it was not deleted. Look at it and press Delete again.</span>}
      {acts.error && !changed && <Failed error={acts.error} />}
    </>
  )
}
