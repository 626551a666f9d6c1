import { Check, Clock, LoaderCircle, Minus, RotateCw, X, type LucideIcon } from 'lucide-react'
import styles from './status.module.css'

/** What a status means to a reader; each has an icon and a colour, and is always shown with a word. */
export type Tone = 'ok' | 'running' | 'waiting' | 'warning' | 'failed' | 'unknown'

const ICONS: Record<Tone, LucideIcon> = {
  ok: Check,
  running: LoaderCircle,
  waiting: Clock,
  warning: RotateCw,
  failed: X,
  unknown: Minus,
}

export function Status({ tone, word, plain = false }: { tone: Tone; word: string; plain?: boolean }) {
  const Icon = ICONS[tone]
  return (
    <span className={`${styles.status} ${styles[tone]} ${plain ? styles.plain : ''}`}>
      <Icon size={13} strokeWidth={2.25} aria-hidden />
      {word}
    </span>
  )
}
