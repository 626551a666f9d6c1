import { useState } from 'react'
import { writeValue } from '../../services/data.ts'
import { useChange } from '../../services/useChange.ts'
import { Button } from '../../ui/Controls.tsx'
import { Field } from '../../ui/Field.tsx'
import { JsonEditor, jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import edit from '../../ui/edit.module.css'

interface Props {
  /** Without a group the reader names it. */
  group?: string
  onClose: () => void
  onCreated: (group: string, key: string) => void
}

/** Form for a value that does not exist yet; one that does is never overwritten by it. */
export function NewValue({ group: given, onClose, onCreated }: Props) {
  const [named, setGroup] = useState('')
  const [key, setKey] = useState('')
  const [text, setText] = useState('{}')
  const write = useChange(writeValue)
  const group = given ?? named
  const taken = write.error?.status === 409
  const save = (): void => {
    write.mutate({ group, key, version: '', source: text }, { onSuccess: () => { onCreated(group, key) } })
  }
  return (
    <Panel title="New value" onClose={onClose}>
      <Section title={given === undefined ? 'Where and what' : `In ${given}`}>
        {given === undefined && <Field label="Group" value={named} onType={setGroup} autoFocus />}
        <Field label="Key" value={key} onType={setKey} autoFocus={given !== undefined} />
        <JsonEditor label="Value as JSON" value={text} onChange={setText} onSubmit={save} />
        {taken && (
          <div className={edit.conflict} role="alert">
            <p>
              <strong>There is a value with this key already.</strong> Nothing was written.
            </p>
            <Button onClick={() => { onCreated(group, key) }}>Show it</Button>
          </div>
        )}
        {write.error && !taken && <Failed error={write.error} />}
        <div className={edit.buttons}>
          <Button disabled={write.isPending || jsonProblem(text) !== null || key === ''} onClick={save}>
            Create
          </Button>
          {key === '' && <span className={edit.quiet}>It needs a key.</span>}
        </div>
      </Section>
    </Panel>
  )
}
