import { readValue, writeValue } from '../../services/data.ts'
import { RequestFailed } from '../../services/http.ts'
import { useChange } from '../../services/useChange.ts'
import { Button } from '../../ui/Controls.tsx'
import { pretty } from '../../ui/exact.ts'
import { JsonEditor, jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import edit from '../../ui/edit.module.css'
import { conflicted, draftOf, keptMine, readOf, versionOf, type Draft, type Read } from './model.ts'

interface Props {
  group: string
  name: string
  draft: Draft
  /** What is there now, as the feed has it; `null` when it is gone. */
  now: Read | null
  onDraft: (draft: Draft | null) => void
}

/** Editor of a value that never overwrites what somebody else has written meanwhile. */
export function ValueEditor({ group, name, draft, now, onDraft }: Props) {
  const write = useChange(writeValue)
  const isConflict = draft.theirs !== undefined
  const isStale = !isConflict && (now?.version ?? '') !== versionOf(draft)
  const compare = async (): Promise<void> => {
    try {
      onDraft(conflicted(draft, readOf(await readValue({ group, key: name }))))
    } catch (error) {
      if (error instanceof RequestFailed && error.status === 404) onDraft(conflicted(draft, null))
    }
  }
  const save = (from: Draft): void => {
    onDraft(from)
    write.mutate(
      { group, key: name, version: versionOf(from), source: from.text },
      {
        onSuccess: () => { onDraft(null) },
        onError: (error) => {
          if (error.status === 409) void compare()
        },
      },
    )
  }
  return (
    <Section title="Edit">
      <JsonEditor
        label="Value as JSON"
        value={draft.text}
        onChange={(text) => { onDraft({ ...draft, text }) }}
        onSubmit={() => { if (!isConflict) save(draft) }}
      />
      {isStale && (
        <div className={edit.conflict} role="status">
          <p>The value has changed since you began to edit.</p>
          <Button onClick={() => void compare()}>Compare</Button>
        </div>
      )}
      {isConflict && <Conflict draft={draft} />}
      {write.error && write.error.status !== 409 && <Failed error={write.error} />}
      <div className={edit.buttons}>
        {isConflict ? (
          <>
            <Button disabled={write.isPending || jsonProblem(draft.text) !== null} onClick={() => { save(keptMine(draft)) }}>
              Save mine over theirs
            </Button>
            <Button onClick={() => { onDraft(draft.theirs ? draftOf(draft.theirs) : null) }}>Take theirs</Button>
          </>
        ) : (
          <Button disabled={write.isPending || jsonProblem(draft.text) !== null} onClick={() => { save(draft) }}>
            Save
          </Button>
        )}
        <Button onClick={() => { onDraft(null) }}>Cancel</Button>
      </div>
    </Section>
  )
}

/** Three texts of a conflict; the one of the reader stays in the editor above. */
function Conflict({ draft }: { draft: Draft }) {
  return (
    <div className={edit.conflict} role="alert">
      <p>
        <strong>Somebody else has written this value meanwhile.</strong> Nothing was saved; yours is in the editor above.
      </p>
      <h4>Theirs, in the store now</h4>
      <Text label="Theirs" text={draft.theirs ? pretty(draft.theirs.source) : 'deleted'} />
      <h4>What you began with</h4>
      <Text label="What you began with" text={draft.base ? pretty(draft.base.source) : 'no value'} />
    </div>
  )
}

function Text({ label, text }: { label: string; text: string }) {
  return (
    <pre tabIndex={0} role="group" aria-label={label}>
      {text}
    </pre>
  )
}
