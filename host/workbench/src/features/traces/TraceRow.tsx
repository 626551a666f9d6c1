import { ChevronDown, ChevronRight, X } from 'lucide-react'
import { memo } from 'react'
import { Status } from '../../ui/Status.tsx'
import { duration } from '../../ui/time.ts'
import { placed, segmentsOf } from './bars.ts'
import { KindIcon } from './KindIcon.tsx'
import { fraction, type Range, type Scale } from './scale.ts'
import { detailOf, idOf, isRun, kindOf, nameOf, statusOf, type Skeleton } from './skeleton.ts'
import styles from './tree.module.css'
import { statusWords } from './words.ts'

interface Props {
  skeleton: Skeleton
  row: number
  at: number
  top: number
  rowPx: number
  range: Range
  scale: Scale
  place: number
  siblings: number
  isSelected: boolean
  isTabStop: boolean
  isOpen: boolean
  /** Undefined while no path is shown. */
  onPath: boolean | undefined
  onSelect: (row: number) => void
  onToggle: (row: number) => void
}

const INDENT_PX = 14
const INDENTS_MAX = 12

/** One row of a trace: name, bar and length. */
export const TraceRow = memo(function TraceRow(props: Props) {
  const { skeleton, row, onSelect } = props
  const length = (skeleton.end[row] ?? 0) - (skeleton.start[row] ?? 0)
  const classes = [styles.row, props.onPath === undefined ? '' : props.onPath ? styles.onPath : styles.offPath]
  return (
    <div
      role="row"
      aria-level={(skeleton.depth[row] ?? 0) + 1}
      aria-rowindex={props.at + 1}
      aria-posinset={props.place}
      aria-setsize={props.siblings}
      aria-selected={props.isSelected}
      aria-expanded={(skeleton.size[row] ?? 1) > 1 ? props.isOpen : undefined}
      tabIndex={props.isTabStop ? 0 : -1}
      data-span={idOf(skeleton, row)}
      className={classes.filter(Boolean).join(' ')}
      style={{ top: props.top, height: props.rowPx }}
      onClick={() => {
        onSelect(row)
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault()
          onSelect(row)
        }
      }}
    >
      <Name {...props} />
      <Bar {...props} />
      <span role="gridcell" className={styles.length}>
        {kindOf(skeleton, row) === 'log' || length <= 0 ? '' : duration(length)}
      </span>
    </div>
  )
})

function Name({ skeleton, row, isOpen, onToggle }: Props) {
  const indent = Math.min(skeleton.depth[row] ?? 0, INDENTS_MAX) * INDENT_PX
  const kind = kindOf(skeleton, row)
  const status = statusOf(skeleton, row)
  const { tone, word } = statusWords(status)
  const openable = (skeleton.size[row] ?? 1) > 1
  return (
    <div role="gridcell" className={styles.name} style={{ paddingLeft: indent }}>
      <button
        type="button"
        tabIndex={-1}
        className={styles.toggle}
        hidden={!openable}
        aria-label={isOpen ? 'Close' : 'Open'}
        onClick={(event) => {
          event.stopPropagation()
          onToggle(row)
        }}
      >
        {isOpen ? <ChevronDown size={14} aria-hidden /> : <ChevronRight size={14} aria-hidden />}
      </button>
      {!openable && <span className={styles.toggle} />}
      <KindIcon kind={kind} />
      <span className={styles.words}>
        <span className={isRun(skeleton, row) ? styles.step : ''}>{nameOf(skeleton, row)}</span>{' '}
        <span className={styles.detail}>{detailOf(skeleton, row)}</span>
      </span>
      {openable && !isOpen && <span className={styles.below}>{((skeleton.size[row] ?? 1) - 1).toLocaleString('en')} below</span>}
      {status !== 'completed' && kind !== 'log' && <Status tone={tone} word={word} plain />}
    </div>
  )
}

const SEGMENTS = { wait: 'Waited for a slot', retry: 'Waited for the retry', work: 'Work' }

function Bar({ skeleton, row, range, scale }: Props) {
  const kind = kindOf(skeleton, row)
  const [start, end] = [skeleton.start[row] ?? 0, skeleton.end[row] ?? 0]
  const isPoint = kind === 'log' || end <= start
  const segments = segmentsOf(skeleton, row)
  const failedEnd = segments.at(-1)?.failed && end >= range.from && end <= range.to
  return (
    <div role="gridcell" className={styles.track}>
      <div className={styles.lane}>
        {scale.gaps.map((gap) => {
          const place = placed(gap.from, gap.to, range, scale)
          return place && <span key={gap.from} className={styles.gap} style={{ left: `${place.left}%`, width: `${place.width}%` }} />
        })}
        {segments.map((segment, at) => {
          const place = placed(segment.from, segment.to, range, scale)
          if (place === null) return null
          const names = [styles.bar, styles[segment.kind], isPoint ? styles.point : '', segment.failed ? styles.failed : '']
          return (
            <span
              key={at}
              className={names.filter(Boolean).join(' ')}
              data-kind={kind}
              title={`${SEGMENTS[segment.kind]}: ${duration(segment.to - segment.from)}`}
              style={{ left: `${place.left}%`, width: isPoint ? undefined : `${place.width}%` }}
            />
          )
        })}
        {failedEnd && !isPoint && (
          <span className={styles.cross} style={{ left: `${100 * fraction(scale, range, end)}%` }}>
            <X size={11} strokeWidth={3} aria-hidden />
          </span>
        )}
      </div>
    </div>
  )
}
