import microfuzz from '@nozbe/microfuzz'
import { keyWords, latest, type Action } from '../../services/actions.ts'
import { isOdd } from '../../services/addresses.ts'
import { quoted, writeSearch } from '../../services/search.ts'
import type { Step, Steps } from '../../services/shapes.ts'

/** One thing that the palette finds: what it is called, of which kind it is, and what choosing it does. */
export interface Entry {
  id: string
  label: string
  kind: string
  /** Further words that find it, and keys or places that are shown beside it. */
  hint: string
  act: { perform: () => void } | { href: string }
}

// The package is CommonJS: a bundler may hand over the whole of what it exports.
const createFuzzySearch = typeof microfuzz === 'function' ? microfuzz : (microfuzz as { default: typeof microfuzz }).default

export const SHOWN_MAX = 50
const RECENT_MAX = 8

const PREFIX = '/__polystep'
const link = (path: string, search: Record<string, string> = {}): Entry['act'] => ({ href: `${PREFIX}${path}${writeSearch(search)}` })

export const actionEntries = (actions: readonly Action[]): Entry[] =>
  latest(actions).map((each) => ({ id: `do ${each.id}`, label: each.label, kind: each.group, hint: keyWords(each.keys), act: each }))

/** Pages that the palette leads to; those that a build does not have are left out. */
export type Has = (page: string) => boolean

export function stepEntries(found: Steps, has: Has): Entry[] {
  const steps = found.steps.flatMap((step) => [stepEntry(step), ...routeEntry(step, has)])
  const topics = new Set(found.steps.flatMap((step) => [...(step.subscribes ?? []), ...(step.emits ?? [])]))
  const flows = new Set(found.steps.flatMap((step) => step.flows ?? []))
  return [
    ...steps,
    ...found.streams.map(({ name }) => ({ id: `stream ${name}`, label: name, kind: 'Stream', hint: '', act: named('stream', name) })),
    ...[...topics].map((topic) => ({
      id: `topic ${topic}`,
      label: topic,
      kind: 'Topic',
      hint: has('/emit') ? 'emit' : 'traces',
      act: has('/emit') ? link('/emit', { topic }) : link('/traces', { q: topic }),
    })),
    ...(has('/flows') ? [...flows].map((flow) => ({ id: `flow ${flow}`, label: flow, kind: 'Flow', hint: '', act: named('flow', flow) })) : []),
  ]
}

function stepEntry(step: Step): Entry {
  const id = step.error !== null && step.type === null ? step.file : step.name
  return { id: `step ${id}`, label: id, kind: 'Step', hint: step.file === id ? '' : step.file, act: link('/steps', { step: id }) }
}

function routeEntry(step: Step, has: Has): Entry[] {
  if (step.type !== 'api' || !step.path) return []
  const label = `${step.method ?? 'GET'} ${step.path}`
  return [{ id: `route ${label}`, label, kind: 'Route', hint: step.name, act: has('/endpoints') ? link('/endpoints', { step: step.name }) : link('/steps', { step: step.name }) }]
}

/** A name that a path cannot hold stands in the query, as `addresses.ts` has it. */
const named = (kind: keyof typeof PAGE, name: string, search: Record<string, string> = {}): Entry['act'] =>
  isOdd(name) ? link(PAGE[kind], { [kind]: quoted(name), ...search }) : link(`${PAGE[kind]}/${encodeURIComponent(name)}`, search)
const PAGE = { flow: '/flows', stream: '/streams', group: '/state' } as const

export const groupEntries = (groups: readonly { group: string }[]): Entry[] =>
  groups.map(({ group }) => ({ id: `group ${group}`, label: group, kind: 'State group', hint: '', act: named('group', group) }))

export const keyEntries = (group: string, keys: readonly { key: string }[]): Entry[] =>
  keys.map(({ key }) => ({ id: `key ${group} ${key}`, label: `${group}/${key}`, kind: 'State key', hint: '', act: named('group', group, { key: quoted(key) }) }))

export const traceEntries = (traces: readonly { traceId: string; name: string; status: string }[]): Entry[] =>
  traces.map(({ traceId, name, status }) => ({ id: `trace ${traceId}`, label: traceId, kind: 'Trace', hint: `${name} · ${status}`, act: link(`/traces/${traceId}`) }))

/** Whether a text may be the beginning of the id of a trace. */
export const isTraceId = (text: string): boolean => /^[0-9a-f]{4,32}$/i.test(text)

/** Group and beginning of a key in `group/key`; the group is one that there is. */
export function keySearch(text: string, groups: readonly string[]): { group: string; prefix: string } | null {
  const group = groups.filter((each) => text.startsWith(`${each}/`)).sort((a, b) => b.length - a.length)[0]
  return group === undefined ? null : { group, prefix: text.slice(group.length + 1) }
}

/** Search over entries, best first; without a text the recent ones, then what can be done here. */
export function searcher(entries: readonly Entry[]): (text: string, recent: readonly string[]) => Entry[] {
  const search = createFuzzySearch([...entries], { getText: (entry) => [(entry as Entry).label, (entry as Entry).kind, (entry as Entry).hint] })
  const byId = new Map(entries.map((each) => [each.id, each]))
  return (text, recent) => {
    const known = recent.map((id) => byId.get(id)).filter((each) => each !== undefined)
    if (text.trim() !== '') {
      const found = search(text.trim())
      return found.slice(0, SHOWN_MAX).map(({ item }) => item)
    }
    return [...new Set([...known, ...entries])].slice(0, SHOWN_MAX)
  }
}

/** The recent ones with a newly used one first. In memory alone: what somebody looks for is nobody's business. */
export const used = (recent: readonly string[], id: string): string[] => [id, ...recent.filter((each) => each !== id)].slice(0, RECENT_MAX)
