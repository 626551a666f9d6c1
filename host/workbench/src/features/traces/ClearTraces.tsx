import { useState } from 'react'
import { useActions } from '../../services/context.tsx'
import { useAct } from '../../services/useAct.ts'
import { Confirm } from '../../ui/Confirm.tsx'
import { Button, Select } from '../../ui/Controls.tsx'
import { Failed } from '../../ui/Notices.tsx'

const HOUR_MS = 3_600_000
const CHOICES = [
  ['0', 'All traces and log lines'],
  [String(HOUR_MS), 'Those older than an hour'],
  [String(24 * HOUR_MS), 'Those older than a day'],
] as const

/** Remove traces and log lines from the host, for every reader. */
export function ClearTraces({ onCleared }: { onCleared: () => void }) {
  const [open, setOpen] = useState(false)
  const [olderMs, setOlderMs] = useState('0')
  const clear = useAct('clear_traces')
  const ask = (): void => { setOpen(true) }
  useActions([{ id: 'clear', label: 'Delete traces and log lines…', keys: [], group: 'Traces', perform: ask }])
  return (
    <>
      <Button disabled={clear.isPending} title="Delete traces and log lines for good" onClick={ask}>
        {clear.isPending ? 'Deleting…' : 'Delete…'}
      </Button>
      {clear.error && <Failed error={clear.error} />}
      {open && (
        <Confirm
          title="Delete traces and log lines?"
          act="Delete for good"
          danger
          onClose={() => { setOpen(false) }}
          onAct={() => {
            const before = olderMs === '0' ? {} : { before: Date.now() - Number(olderMs) }
            clear.mutate(before, { onSuccess: onCleared })
          }}
        >
          <Select label="Which" value={olderMs} choices={CHOICES} onChoose={setOlderMs} />
          <p>They are removed from the project, for everybody. Traces that run stay. Events, state and dead letters are not touched.</p>
        </Confirm>
      )}
    </>
  )
}
