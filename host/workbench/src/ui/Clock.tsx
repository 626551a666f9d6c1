import { useSyncExternalStore } from 'react'
import { ago, clock, day, iso } from './time.ts'
import { times } from './times.ts'
import { useNow } from './useNow.ts'

interface Props {
  at: number
  className?: string | undefined
  dayClassName?: string | undefined
}

/** When something was, as short as a column of a list needs: the time of day or how long ago, as the reader has chosen. */
export function Clock({ at, className, dayClassName }: Props) {
  const style = useSyncExternalStore(times.subscribe, times.chosen)
  return (
    <time className={className} dateTime={iso(at)} title={iso(at)}>
      {style === 'ago' ? <Ago at={at} /> : <TimeOfDay at={at} dayClassName={dayClassName} />}
    </time>
  )
}

function Ago({ at }: { at: number }) {
  return ago(at, useNow())
}

/** Time of day, after its day where that is not today. */
function TimeOfDay({ at, dayClassName }: Pick<Props, 'at' | 'dayClassName'>) {
  const other = day(at, Date.now())
  if (other === '') return clock(at)
  return (
    <>
      <span className={dayClassName}>{other} </span>
      {clock(at).slice(0, 8)}
    </>
  )
}
