import { Clock3, FileX, Globe, Hash, PencilRuler, Zap, type LucideIcon } from 'lucide-react'
import type { Node } from './graph.ts'

const ICONS: Record<string, LucideIcon> = { api: Globe, event: Zap, cron: Clock3, noop: PencilRuler }

export function KindIcon({ node }: { node: Node }) {
  const Icon = node.kind === 'topic' ? Hash : node.step === null ? FileX : (ICONS[node.step.type] ?? Zap)
  return <Icon size={15} aria-hidden />
}
