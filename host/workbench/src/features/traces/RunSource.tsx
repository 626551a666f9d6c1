import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { sourceQuery } from '../../services/queries.ts'
import { useAct } from '../../services/useAct.ts'
import { Button } from '../../ui/Controls.tsx'
import { Copy } from '../../ui/Copy.tsx'
import { Failed, Loading } from '../../ui/Notices.tsx'
import { NotedSource } from '../../ui/NotedSource.tsx'
import { Section } from '../../ui/Section.tsx'
import styles from './panel.module.css'

/** File of the step of a run, as it is now: read when somebody opens it. */
export function RunSource({ step }: { step: string }) {
  const [open, setOpen] = useState(false)
  const { data, error } = useQuery({ ...sourceQuery(step), enabled: open })
  const editor = useAct('open_in_editor')
  return (
    <Section title="Source" action={data && <Copy text={data.text} what="source" />}>
      <div className={styles.buttons}>
        <Button aria-expanded={open} onClick={() => { setOpen(!open) }}>{open ? 'Hide the source' : `Source of ${step}`}</Button>
        <Button disabled={editor.isPending} onClick={() => { editor.mutate({ step }) }}>Open in editor</Button>
        <span role="status">
          {editor.data && `Opened in ${editor.data.editor}`}
          {editor.error && [editor.error.message, editor.error.hint].filter(Boolean).join('. ')}
        </span>
      </div>
      {open && error && !data && <Failed error={error} />}
      {open && !data && !error && <Loading what="the source" />}
      {open && data && (
        <>
          <p className={styles.quiet}>
            <code>{data.file}</code>, as it is now{data.cut && ' · cut: the file is larger'}
          </p>
          <NotedSource source={data} />
        </>
      )}
    </Section>
  )
}
