import { quoted, type Search } from './search.ts'

// Addresses of pages that are named by a text of the project: any text can be such a name.

/** Names that a path cannot hold as they are: no segment, or one that means a way in the path. */
export const isOdd = (name: string): boolean => name === '' || name === '.' || name === '..'

/** The page of a flow. A name that a path cannot hold stands in the query. */
export const flowDoor = (flow: string, search: Search = {}) =>
  isOdd(flow)
    ? ({ to: '/flows', search: { ...search, flow: quoted(flow) } } as const)
    : ({ to: '/flows/$flow', params: { flow }, search } as const)

/** The page of a stream. */
export const streamDoor = (stream: string, search: Search = {}) =>
  isOdd(stream)
    ? ({ to: '/streams', search: { ...search, stream: quoted(stream) } } as const)
    : ({ to: '/streams/$stream', params: { stream }, search } as const)

/** The page of a group of the state. */
export const groupDoor = (group: string, search: Search = {}) =>
  isOdd(group)
    ? ({ to: '/state', search: { ...search, group: quoted(group) } } as const)
    : ({ to: '/state/$group', params: { group }, search } as const)

const NAMED = /^((?:\/__polystep)?\/(?:flows|streams|state)\/)(.+)$/s

/** Path whose last part is one name, as somebody typed it: `state/a/b` is the group `a/b`, `state/100%` the group `100%`. */
export function wholeName(path: string): string {
  const [, page, rest = ''] = NAMED.exec(path) ?? []
  return page === undefined ? path : `${page}${encodeURIComponent(decoded(rest.replace(/\/+$/, '')))}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, '%25'))
  } catch {
    return text
  }
}
