/** Responses whose body comes item by item: async iterables, web and Node streams, generators. Source: PS-8.11. */
import { isMap } from '../errors.ts'
import type { Caller } from '../types.ts'

type Items = AsyncIterable<unknown> | Iterable<unknown>

/** Send the response of an `api` handler if its body comes item by item; returns the answer that is left, else. */
export function streamed(caller: Caller, answer: unknown): unknown {
  const items = itemsOf(answer)
  return items === null ? answer : stream(caller, answer, items)
}

/** Return the items of a body that must be asked for them; a list or a text is whole. */
export function itemsOf(answer: unknown): Items | null {
  const body = isMap(answer) ? answer['body'] : undefined
  if (typeof body !== 'object' || body === null) return null
  const isAsked = Symbol.asyncIterator in body || Object.prototype.toString.call(body) === '[object Generator]'
  return isAsked ? (body as Items) : null
}

/** Send the response, each item when the host has taken the one before. What throws closes the generator. */
async function stream(caller: Caller, answer: unknown, items: Items): Promise<void> {
  const { status, headers } = answer as { status?: unknown; headers?: unknown }
  await caller.call('response.start', () => (headers === undefined ? { status } : { status, headers }))
  for await (const item of items) await caller.call('response.write', () => ({ data: item }))
}
