import { Circle, Database, Globe, Play, Radio, RotateCw, Send, Sparkles, Text, ExternalLink, type LucideIcon } from 'lucide-react'
import type { Kind } from './skeleton.ts'
import { kindWords } from './words.ts'
import styles from './kind.module.css'

const ICONS: Record<Kind, LucideIcon> = {
  http: Globe,
  run: Play,
  attempt: RotateCw,
  emit: Send,
  state: Database,
  stream: Radio,
  call: ExternalLink,
  llm: Sparkles,
  log: Text,
  other: Circle,
}

export function KindIcon({ kind }: { kind: Kind }) {
  const Icon = ICONS[kind]
  return <Icon size={13} className={styles.icon} data-kind={kind} role="img" aria-label={kindWords(kind)} />
}
