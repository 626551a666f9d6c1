import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { writeItem } from '../../services/data.ts'
import { stepsQuery } from '../../services/queries.ts'
import { useChange } from '../../services/useChange.ts'
import { Button } from '../../ui/Controls.tsx'
import { Field } from '../../ui/Field.tsx'
import { Json } from '../../ui/Json.tsx'
import { JsonEditor, jsonProblem } from '../../ui/JsonEditor.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Panel } from '../../ui/Panel.tsx'
import { Section } from '../../ui/Section.tsx'
import edit from '../../ui/edit.module.css'

interface Props {
  stream: string
  /** Without a group the reader names it. */
  group?: string
  onClose: () => void
  onCreated: (group: string, id: string) => void
}

/** Form for an item of a stream; its subscribers get it when it is written. */
export function NewItem({ stream, group: given, onClose, onCreated }: Props) {
  const [named, setGroup] = useState('')
  const [id, setId] = useState('')
  const [text, setText] = useState('{}')
  const write = useChange(writeItem)
  const group = given ?? named
  const incomplete = group === '' || id === ''
  const save = (): void => {
    write.mutate({ stream, group, id, source: text }, { onSuccess: () => { onCreated(group, id) } })
  }
  return (
    <Panel title="New item" onClose={onClose}>
      <Section title={given === undefined ? 'Where and what' : `In ${given}`}>
        {given === undefined && <Field label="Group" value={named} onType={setGroup} autoFocus />}
        <Field label="Id" value={id} onType={setId} autoFocus={given !== undefined} />
        <JsonEditor label="Data as JSON" value={text} onChange={setText} onSubmit={save} />
        {write.error && <Failed error={write.error} />}
        <div className={edit.buttons}>
          <Button disabled={write.isPending || jsonProblem(text) !== null || incomplete} onClick={save}>
            Write
          </Button>
          <span className={edit.quiet}>{incomplete ? 'It needs a group and an id.' : 'One with this id is replaced.'}</span>
        </div>
      </Section>
      <Schema stream={stream} />
    </Panel>
  )
}

/** Schema that the host holds the data to. */
export function Schema({ stream }: { stream: string }) {
  const { data } = useQuery(stepsQuery())
  const schema = data?.streams.find((each) => each.name === stream)?.schema
  if (!schema) return null
  return (
    <Section title="Schema">
      <Json value={schema} label="Schema" />
    </Section>
  )
}
