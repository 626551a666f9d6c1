/** Answers whose body comes item by item: async iterables, web and Node streams, generators. Source: PS-8.11. */
import { isMap } from '../errors.ts'
import type { Run } from '../run.ts'

type Items = AsyncIterable<unknown> | Iterable<unknown>

/** Sends an `api` handler's answer if its body comes item by item; gives what is left to answer, which is nothing then. */
export function streamed(run: Run, answer: unknown): unknown {
  const items = itemsOf(answer)
  return items === null ? answer : stream(run, answer, items)
}

/** The items of a body, if it is one that has to be asked for them; a list or a text is not. */
export function itemsOf(answer: unknown): Items | null {
  const body = isMap(answer) ? answer['body'] : undefined
  if (typeof body !== 'object' || body === null) return null
  const isAsked = Symbol.asyncIterator in body || Object.prototype.toString.call(body) === '[object Generator]'
  return isAsked ? (body as Items) : null
}

/** Send the answer, each item when the host has taken the one before. What throws closes the generator. */
async function stream(run: Run, answer: unknown, items: Items): Promise<void> {
  const { status, headers } = answer as { status?: unknown; headers?: unknown }
  await run.call('response.start', () => (headers === undefined ? { status } : { status, headers }))
  for await (const item of items) await run.call('response.write', () => ({ data: item }))
}
