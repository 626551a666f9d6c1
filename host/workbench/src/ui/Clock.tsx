import { clock, day, iso } from './time.ts'

/** Time of day, after its day where that is not today: both as short as a column of a list needs. */
export function Clock({ at, className, dayClassName }: { at: number; className?: string | undefined; dayClassName?: string | undefined }) {
  const other = day(at, Date.now())
  return (
    <time className={className} dateTime={iso(at)} title={iso(at)}>
      {other === '' ? (
        clock(at)
      ) : (
        <>
          <span className={dayClassName}>{other} </span>
          {clock(at).slice(0, 8)}
        </>
      )}
    </time>
  )
}
