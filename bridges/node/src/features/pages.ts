/** Groups that may be larger than a message: read page by page, or one page at a time. Source: PS-8.12, PS-8.13. */
import { invalidParams, isMap, type Members, shown } from '../errors.ts'
import type { Caller } from '../types.ts'

type Room = 'state' | 'streams'
interface Answer { readonly items: unknown[]; readonly cursor?: string }

/** Read a group's values; with `page`, one part of it as `{items, cursor}`, whose `cursor` is `null` at the end. */
export function readGroup(caller: Caller, room: Room, where: Members, page: unknown): Promise<unknown> {
  const isWhole = page === undefined || page === null
  if (caller.features.has('pages')) return isWhole ? wholeGroup(caller, room, where) : onePage(caller, room, where, page)
  return caller.call(`${room}.get_group`, () => {
    if (isWhole) return where
    throw invalidParams('This host reads groups as a whole: call getGroup(group) alone, or update the host.')
  })
}

async function wholeGroup(caller: Caller, room: Room, where: Members): Promise<unknown[]> {
  const pages: unknown[][] = []
  let more: Members | null = {}
  while (more !== null) {
    const asked: Members = { ...where, only: 'values', ...more }
    const { items, cursor } = (await caller.call(`${room}.page`, () => asked)) as Answer
    pages.push(items)
    more = cursor === undefined ? null : { cursor }
  }
  return pages.length === 1 ? (pages[0] ?? []) : pages.flat()
}

async function onePage(caller: Caller, room: Room, where: Members, page: unknown): Promise<unknown> {
  const { items, cursor = null } = (await caller.call(`${room}.page`, () => {
    if (!isMap(page)) throw invalidParams(`getGroup(group, page) takes { cursor?, limit?, keysOnly? }, not ${shown(page)}.`)
    const { cursor: after, limit, keysOnly } = page
    return { ...where, ...(after == null ? {} : { cursor: after }), ...(limit == null ? {} : { limit }), ...(keysOnly === true ? { only: 'keys' } : {}) }
  })) as Answer
  return { items, cursor }
}
