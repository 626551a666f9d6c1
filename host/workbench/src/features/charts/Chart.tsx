import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { RateMark } from '../../api/results.ts'
import { moment } from '../../ui/time.ts'
import styles from './charts.module.css'
import { brushed, columnsOf, lonePlaces, summaryOf, type ChartModel } from './model.ts'
import type { Rates } from '../../api/results.ts'

const HEIGHT_PX = 150
const DAY_MS = 86_400_000
const POINTS_SHOWN_MAX = 120

interface Props {
  chart: ChartModel
  rates: Rates
  selected: { since: number; until: number } | null
  onBrush: (time: { since: number; until: number } | null) => void
}

/** Chart on a canvas, in the colours of the theme; what it shows is said in words beside it. */
export function Chart({ chart, rates, selected, onBrush }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const readout = useRef<HTMLParagraphElement>(null)
  const plot = useRef<uPlot | null>(null)
  const latest = useRef({ rates, selected, onBrush })
  const theme = useThemeName()
  const columns = columnsOf(rates, chart)

  useEffect(() => {
    latest.current = { rates, selected, onBrush }
  })
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const made = new uPlot(optionsOf(chart, element, latest, readout), columnsOf(latest.current.rates, chart) as uPlot.AlignedData, element)
    plot.current = made
    const observer = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX })
      show(made, latest.current.selected)
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [chart, theme])
  useEffect(() => {
    const made = plot.current
    if (made === null) return
    made.setData(columnsOf(rates, chart) as uPlot.AlignedData)
    show(made, selected)
  }, [rates, chart, selected, theme])

  return (
    <figure className={styles.chart}>
      <figcaption>
        <h2>{chart.title}</h2>
        <span className={styles.quiet}>{chart.about}</span>
        <ul className={styles.legend}>
          {chart.lines.map((line) => (
            <li key={line.label}>
              <svg width="22" height="8" aria-hidden>
                <line x1="0" y1="4" x2="22" y2="4" strokeWidth="2" stroke={`var(${line.token})`} strokeDasharray={line.dash.join(' ')} />
              </svg>
              {line.label}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} className={styles.plot} role="img" aria-label={summaryOf(columns, chart)} />
      <p ref={readout} className={styles.readout} aria-hidden />
    </figure>
  )
}

/** Name of the theme that is shown; a canvas is drawn again when it changes. */
function useThemeName(): string {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'light')
  useEffect(() => {
    const observer = new MutationObserver(() => {
      setTheme(document.documentElement.dataset.theme ?? 'light')
    })
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      observer.disconnect()
    }
  }, [])
  return theme
}

const colourOf = (token: string): string => getComputedStyle(document.documentElement).getPropertyValue(token).trim()

function optionsOf(
  chart: ChartModel,
  element: HTMLElement,
  latest: { current: Pick<Props, 'rates' | 'selected' | 'onBrush'> },
  readout: { current: HTMLElement | null },
): uPlot.Options {
  const [text, line, edge] = [colourOf('--text-2'), colourOf('--line'), colourOf('--edge')]
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: `11px ${colourOf('--font')}` }
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    series: [
      {},
      ...chart.lines.map((each) => ({
        label: each.label,
        stroke: colourOf(each.token),
        dash: [...each.dash],
        width: 1.5,
        points: chart.empty === 0 ? { show: false } : pointsOf(colourOf(each.token)),
      })),
    ],
    axes: [
      { ...axis, size: 28, values: (_, times) => times.map((time) => timeWords(time * 1000, latest.current.rates)) },
      { ...axis, size: 64, values: (_, values) => values.map((value) => (value === 0 ? '0' : chart.axisWords(value))) },
    ],
    hooks: {
      draw: [(u) => { drawMarks(u, latest.current.rates.marks, edge) }],
      setSelect: [
        (u) => {
          const { left, width } = u.select
          latest.current.onBrush(width > 2 ? brushed(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'), latest.current.rates.widthS) : null)
        },
      ],
      setCursor: [
        (u) => {
          if (readout.current) readout.current.textContent = readoutOf(u, chart)
        },
      ],
    },
  }
}

/** Every value as a point where few are shown; of many only those that no line shows. */
const pointsOf = (colour: string): uPlot.Series.Points => ({
  show: (u) => u.data[0].length <= POINTS_SHOWN_MAX,
  filter: (u, line, all) => (all ? null : lonePlaces(Array.from(u.data[line] ?? []))),
  size: 5,
  fill: colour,
})

/** Lines where files were loaded again, or the host started. */
function drawMarks(u: uPlot, marks: readonly RateMark[], colour: string): void {
  const { ctx, bbox } = u
  ctx.save()
  ctx.strokeStyle = colour
  ctx.setLineDash([3, 3])
  for (const mark of marks) {
    const x = Math.round(u.valToPos(mark.at / 1000, 'x', true))
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}

function readoutOf(u: uPlot, chart: ChartModel): string {
  const at = u.cursor.idx
  const time = at === null || at === undefined ? undefined : u.data[0][at]
  if (at === null || at === undefined || time === undefined) return ''
  const parts = chart.lines.map((line, index) => {
    const value = u.data[index + 1]?.[at]
    return `${line.label} ${value === null || value === undefined ? '–' : chart.words(value)}`
  })
  return `${moment(time * 1000)} · ${parts.join(' · ')}`
}

function show(u: uPlot, selected: Props['selected']): void {
  const left = selected === null ? 0 : u.valToPos(selected.since / 1000, 'x')
  const right = selected === null ? 0 : u.valToPos(selected.until / 1000, 'x')
  u.setSelect({ left, width: Math.max(0, right - left), top: 0, height: u.over.clientHeight }, false)
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const EXACT = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

function timeWords(ms: number, { since, until }: Rates): string {
  if (until - since > DAY_MS) return DAY.format(ms)
  return ms % 60_000 === 0 ? CLOCK.format(ms) : EXACT.format(ms)
}
