import type { StepRow } from '../../api/results.ts'
import { grouped } from '../../services/grouped.ts'
import type { Sent } from '../../services/tryout.ts'
import { sampleOf } from '../../ui/form/sample.ts'
import { wholeOf } from '../../ui/form/schema.ts'
import { sampleText } from '../../ui/TwoFaces.tsx'

/** Parameter or header of a draft; what is off is not sent. */
export interface Pair {
  name: string
  value: string
  on: boolean
  /** The step declares it: its name stands. */
  declared: boolean
  required: boolean
  about: string
}

/** Request that is being written. */
export interface Draft {
  path: readonly Pair[]
  query: readonly Pair[]
  headers: readonly Pair[]
  body: string
}

export const WITHOUT_FLOW = 'Without a flow'

/** Steps with a route, by flow; a step of several flows stands in each. */
export function endpointsOf(steps: readonly StepRow[], text: string): Map<string, StepRow[]> {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const shown = steps
    .filter((each) => each.type === 'api')
    .filter((each) => words.every((word) => `${each.method ?? ''} ${each.path ?? ''} ${each.name} ${each.description ?? ''} ${(each.flows ?? []).join(' ')}`.toLowerCase().includes(word)))
  const pairs = shown.flatMap((step) => (step.flows?.length ? step.flows : [WITHOUT_FLOW]).map((flow) => ({ flow, step })))
  const named = [...grouped(pairs, (each) => each.flow)].sort(([a], [b]) => Number(a === WITHOUT_FLOW) - Number(b === WITHOUT_FLOW) || a.localeCompare(b))
  return new Map(named.map(([flow, members]) => [flow, members.map((each) => each.step)]))
}

export const takesBody = (step: StepRow): boolean => !['GET', 'HEAD'].includes(step.method ?? '') || Boolean(step.bodySchema)

const PARAMETER = /:([A-Za-z_]\w*)(\([^)]*\))?([?*+])?|\*/g

/** Names of the parameters in a route such as `/users/:id`; a star is named by itself. */
export const pathNames = (path: string): string[] => [...path.matchAll(PARAMETER)].map((found) => found[1] ?? '*')

interface Declared {
  name: string
  description?: string
  required?: boolean
  schema?: unknown
}

const declaredOf = (list: unknown): Declared[] =>
  (Array.isArray(list) ? (list as unknown[]) : []).filter((each): each is Declared => typeof each === 'object' && each !== null && 'name' in each && typeof each.name === 'string')

/** First draft for a step: a body that fits its schema, parameters with examples. */
export function draftOf(step: StepRow): Draft {
  const described = new Map(declaredOf(step.pathParams).map((each) => [each.name, each]))
  const optional = new Set([...(step.path ?? '').matchAll(PARAMETER)].filter((found) => found[3] === '?').map((found) => found[1]))
  return {
    path: pathNames(step.path ?? '').map((name) => pairOf({ ...described.get(name), name, required: !optional.has(name) })),
    query: declaredOf(step.queryParams).map(pairOf),
    headers: takesBody(step) ? [{ ...EMPTY, name: 'content-type', value: 'application/json', on: true }] : [],
    body: takesBody(step) ? sampleText(step.bodySchema) : '',
  }
}

export const EMPTY: Pair = { name: '', value: '', on: true, declared: false, required: false, about: '' }

function pairOf({ name, description, required = false, schema }: Declared): Pair {
  const example = schema === undefined ? '' : sampleOf(wholeOf(schema), name)
  const value = typeof example === 'string' ? example : typeof example === 'number' || typeof example === 'boolean' ? String(example) : ''
  return { name, value, on: required, declared: true, required, about: description ?? '' }
}

const segment = (text: string): string => encodeURIComponent(text).replace(/^\.{1,2}$/, (dots) => dots.replaceAll('.', '%2E'))

/** Path and query of a draft. */
export function addressOf(route: string, draft: Draft): string {
  const values = new Map(draft.path.map((each) => [each.name, each]))
  const path = route.replace(/(\/?)(:([A-Za-z_]\w*)(\([^)]*\))?([?*+])?|\*)/g, (_, slash: string, _all, name: string | undefined, _pattern, many: string | undefined) => {
    const pair = values.get(name ?? '*')
    if (many === '?' && !pair?.on) return ''
    const text = pair?.value ?? ''
    return slash + (name === undefined || many === '*' || many === '+' ? text.split('/').map(segment).join('/') : segment(text))
  })
  const query = new URLSearchParams(on(draft.query).map((each): [string, string] => [each.name, each.value])).toString()
  return (path || '/') + (query === '' ? '' : `?${query}`)
}

export const on = (pairs: readonly Pair[]): readonly Pair[] => pairs.filter((each) => each.on && each.name !== '')

/** Parameters as the host reads them: a name that is repeated is a list. */
export function valuesOf(pairs: readonly Pair[]): Record<string, unknown> {
  return Object.fromEntries([...grouped(on(pairs), (each) => each.name)].map(([name, all]) => [name, all.length === 1 ? all[0]?.value : all.map((each) => each.value)]))
}

export const isJson = (draft: Draft): boolean =>
  !draft.headers.some((each) => each.on && each.name.toLowerCase() === 'content-type' && !/[/+]json\b/i.test(each.value))

/** What keeps a draft from being sent, in words. */
export function gapsOf(draft: Draft): string[] {
  const empty = draft.path.filter((each) => (each.required || each.on) && each.value === '').map((each) => `The path needs a value for ${each.name}.`)
  const odd = on(draft.headers).filter((each) => !/^[A-Za-z0-9_-]+$/.test(each.name) || /[\r\n\0]/.test(each.value))
  return [...empty, ...odd.map((each) => `${JSON.stringify(each.name)} is no header that can be sent.`)]
}

export function requestOf(step: StepRow, draft: Draft): Sent {
  const body = takesBody(step) && draft.body !== '' ? { body: draft.body } : {}
  const headers = Object.fromEntries(on(draft.headers).map((each) => [each.name, each.value]))
  return { method: step.method as Sent['method'], path: addressOf(step.path ?? '/', draft), headers, ...body }
}

const SECRET = /authorization|cookie|token|secret|passw|api[-_]?key|session/i

/** The draft as history keeps it: values of what looks like a secret are left out. */
export function withoutSecrets(draft: Draft): Draft {
  const blank = (pairs: readonly Pair[]): readonly Pair[] => pairs.map((each) => (SECRET.test(each.name) ? { ...each, value: '', on: false } : each))
  return { ...draft, query: blank(draft.query), headers: blank(draft.headers) }
}
