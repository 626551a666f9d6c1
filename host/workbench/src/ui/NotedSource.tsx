import { useState } from 'react'
import { webLink } from './links.ts'
import { SourceView, type Lines } from './SourceView.tsx'
import { Status } from './Status.tsx'
import styles from './noted.module.css'

/** Note about lines of a text. */
interface Card {
  title: string
  description: string
  lines: readonly Lines[]
  link: string | null
}

export interface Noted {
  text: string
  /** Null: nobody has written notes. */
  features: { file: string; cards: readonly Card[]; problems: readonly string[] } | null
}

/** Source of a step with the feature cards that belong to it: a card that is pressed lights its lines. */
export function NotedSource({ source, marks }: { source: Noted; marks?: readonly string[] }) {
  const [pressed, setPressed] = useState<number | null>(null)
  const { text, features } = source
  const lit = pressed === null ? undefined : features?.cards[pressed]?.lines
  return (
    <>
      {features && features.problems.length > 0 && (
        <div className={styles.problems}>
          <Status tone="warning" word="Feature cards to look at" />
          <p>
            <code>{features.file}</code>
          </p>
          <ul>
            {features.problems.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </div>
      )}
      {features && features.cards.length > 0 && (
        <ul className={styles.cards} aria-label="Feature cards">
          {features.cards.map((card, at) => (
            <li key={at} className={styles.card} data-pressed={at === pressed}>
              <Head card={card} pressed={at === pressed} onPress={() => { setPressed(at === pressed ? null : at) }} />
              {card.description && <p>{card.description}</p>}
              {card.link && <Way link={card.link} />}
            </li>
          ))}
        </ul>
      )}
      <SourceView text={text} {...(marks && { marks })} {...(lit && { lit })} />
    </>
  )
}

function Head({ card, pressed, onPress }: { card: Card; pressed: boolean; onPress: () => void }) {
  if (card.lines.length === 0) return <strong className={styles.title}>{card.title}</strong>
  return (
    <button type="button" className={styles.title} aria-pressed={pressed} onClick={onPress}>
      <strong>{card.title}</strong>
      <span className={styles.lines}>{linesWords(card.lines)}</span>
    </button>
  )
}

function Way({ link }: { link: string }) {
  const found = webLink(link)
  if (found === null) return <p className={styles.lines}>{link}</p>
  return (
    <a href={found.href} target="_blank" rel="noopener noreferrer">
      Read more at {found.host}
    </a>
  )
}

/** "Lines 7, 11–12"; nothing for none. */
export function linesWords(lines: readonly Lines[]): string {
  const parts = lines.map(({ first, last }) => (first === last ? `${first}` : `${first}–${last}`))
  const [only] = lines
  if (only === undefined) return ''
  return `${lines.length === 1 && only.first === only.last ? 'Line' : 'Lines'} ${parts.join(', ')}`
}
