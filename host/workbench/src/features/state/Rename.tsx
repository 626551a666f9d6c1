import { useState } from 'react'
import { Button } from '../../ui/Controls.tsx'
import { Field } from '../../ui/Field.tsx'
import { Failed } from '../../ui/Notices.tsx'
import edit from '../../ui/edit.module.css'

interface Props {
  name: string
  isPending: boolean
  error: Error | null
  onRename: (to: string) => void
  onCancel: () => void
}

/** Field for the new key of a value; one that has a value already is refused by the host. */
export function Rename({ name, isPending, error, onRename, onCancel }: Props) {
  const [to, setTo] = useState(name)
  return (
    <>
      <Field label="New key" value={to} onType={setTo} autoFocus />
      {error && <Failed error={error} />}
      <div className={edit.buttons}>
        <Button disabled={isPending || to === name || to === ''} onClick={() => { onRename(to) }}>
          Move it there
        </Button>
        <Button onClick={onCancel}>Cancel</Button>
      </div>
    </>
  )
}
