import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useRef } from 'react'
import type { CronRow } from '../../api/results.ts'
import { useActions } from '../../services/context.tsx'
import { cronQuery } from '../../services/queries.ts'
import { useAct } from '../../services/useAct.ts'
import { Button, Toolbar } from '../../ui/Controls.tsx'
import { Empty, Failed, Loading } from '../../ui/Notices.tsx'
import { Page } from '../../ui/Page.tsx'
import { useRowFocus } from '../../ui/rowFocus.ts'
import { Rows, type RowsHandle } from '../../ui/Rows.tsx'
import { Status } from '../../ui/Status.tsx'
import { useRowPx } from '../../ui/useRowPx.ts'
import { moment } from '../../ui/time.ts'
import row from '../../ui/row.module.css'
import { CronPanel, type CronActs } from './CronPanel.tsx'
import styles from './cron.module.css'
import { cronWords } from './words.ts'
import type { CronSearch, CronShown } from './search.ts'
import { WeekView } from './WeekView.tsx'

interface Props {
  search: CronSearch
  onSearch: (change: Partial<CronSearch>) => void
}

const SHOWN: readonly (readonly [CronShown, string])[] = [['steps', 'Steps'], ['week', 'Week']]

/** Cron steps: when each fires next, what its last ticks did, and a button that fires it now. */
export function CronView({ search, onSearch }: Props) {
  const { data, error, isPending, refetch } = useQuery(cronQuery())
  const list = useRef<RowsHandle>(null)
  const rowPx = useRowPx(32)
  const steps = data?.cron ?? []
  const focus = useRowFocus(steps.length, list)
  const close = (): void => {
    onSearch({ step: '' })
  }
  useActions([
    ...focus.actions('Cron'),
    ...(search.step ? [{ id: 'leave', label: 'Close the panel', keys: ['Escape'], group: 'Cron', perform: close }] : []),
  ])
  const { acts, error: failure, skipped } = useCronActs()

  return (
    <Page
      title="Cron"
      tools={
        steps.length > 0 && (
          <Toolbar label="What is shown">
            {SHOWN.map(([name, word]) => (
              <Button key={name} aria-pressed={search.show === name} onClick={() => { onSearch({ show: name }) }}>
                {word}
              </Button>
            ))}
          </Toolbar>
        )
      }
      asideLabel="Selected cron step"
      aside={search.step && <CronPanel key={search.step} step={search.step} acts={acts} onClose={close} />}
    >
      {failure && <Failed error={failure} />}
      {skipped && <Failed error={new Error(skipped)} />}
      {error && !data && <Failed error={error} retry={() => void refetch()} />}
      {isPending && <Loading what="cron steps" />}
      {data && steps.length === 0 && (
        <Empty title="No cron steps">
          <p>
            Save a step with <code>type: &apos;cron&apos;</code> and an expression such as <code>0 3 * * *</code>, and it is listed here with its next times.
          </p>
        </Empty>
      )}
      {steps.length > 0 && search.show === 'week' && <WeekView onOpen={(step) => { onSearch({ step }) }} />}
      {steps.length > 0 && search.show === 'steps' && (
        <Rows role="list" label="Cron steps" count={steps.length} rowPx={rowPx} handle={list} head={<Head />}>
          {(at, top) => {
            const step = steps[at]
            return step && (
              <div key={step.step} role="listitem" aria-setsize={steps.length} aria-posinset={at + 1} className={row.item} style={{ top, height: rowPx }}>
                <Row step={step} at={at} selected={step.step === search.step} onOpen={() => { onSearch({ step: step.step }) }} />
              </div>
            )
          }}
        </Rows>
      )}
    </Page>
  )
}

function Head() {
  return (
    <div className={`${row.head} ${row.row} ${styles.columns}`} aria-hidden>
      <span>Step</span>
      <span>Expression</span>
      <span>In words</span>
      <span>Time zone</span>
      <span>Fires next (your time)</span>
    </div>
  )
}

function Row({ step, at, selected, onOpen }: { step: CronRow; at: number; selected: boolean; onOpen: () => void }) {
  return (
    <button type="button" className={`${row.row} ${styles.columns}`} aria-pressed={selected} data-row={at} onClick={onOpen}>
      <span className={row.name}>{step.step}</span>
      <span className={row.mono}>{step.expression}</span>
      <span className={`${row.quiet} ${row.wideOnly}`}>{step.error?.split('\n', 1)[0] ?? cronWords(step.expression)}</span>
      <span className={`${row.quiet} ${row.wideOnly}`}>{step.timezone ?? 'of the host'}</span>
      <span>{step.error ? <Status tone="failed" word="Does not fire" /> : step.pausedAt !== null ? <Status tone="warning" word="Paused" /> : step.next ? moment(Date.parse(step.next)) : 'never'}</span>
    </button>
  )
}

/** Asked here, not in the panel, which may be closed before the host has answered. */
function useCronActs(): { acts: CronActs; error: Error | null; skipped: string | null } {
  const navigate = useNavigate()
  const fire = useAct('fire')
  const pause = useAct('pause_cron')
  const resume = useAct('resume_cron')
  const run = (step: string, at: number | undefined): void => {
    fire.mutate({ step, ...(at === undefined ? {} : { at }) }, {
      onSuccess: ({ traceId }) => {
        if (traceId !== null) void navigate({ to: '/traces/$id', params: { id: traceId }, search: {} })
      },
    })
  }
  return {
    acts: {
      isPending: fire.isPending || pause.isPending || resume.isPending,
      run,
      pause: (step, note) => { pause.mutate({ step, note }) },
      resume: (step) => { resume.mutate({ step }) },
    },
    error: fire.error ?? pause.error ?? resume.error,
    skipped: fire.data?.skipped ?? null,
  }
}
