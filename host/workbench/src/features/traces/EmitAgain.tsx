import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { callText } from '../../services/http.ts'
import type { Operation } from '../../services/shapes.ts'
import { Button } from '../../ui/Controls.tsx'
import { Failed } from '../../ui/Notices.tsx'
import { Section } from '../../ui/Section.tsx'
import { emittedData } from './emitted.ts'
import styles from './panel.module.css'

/** Way from an emit to a new event with its topic and data, which is edited and sent on its own page. */
export function EmitAgain({ traceId, row, operation }: { traceId: string; row: number; operation: Operation }) {
  const navigate = useNavigate()
  const [error, setError] = useState<Error | null>(null)
  if (operation.type !== 'emit' || typeof operation.topic !== 'string') return null
  const { topic } = operation
  // Read again as text: its numbers stay as they are written.
  const start = async (): Promise<void> => {
    const data = emittedData(await callText('trace_operation', { id: traceId, operation: row }))
    if (data === null) setError(new Error('The trace holds the beginning of its data alone. Run one of its subscribers again instead.'))
    else await navigate({ to: '/emit', search: { topic, data } })
  }
  return (
    <Section title="Emit again">
      <Button onClick={() => { start().catch((failed: unknown) => { setError(failed instanceof Error ? failed : new Error(String(failed))) }) }}>
        Emit again, with this or other data…
      </Button>
      {error ? <Failed error={error} /> : <p className={styles.quiet}>The page of the event is opened; nothing is sent yet.</p>}
    </Section>
  )
}
