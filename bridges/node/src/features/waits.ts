/** Waits that outlive the process: `sleep`, `ask`, `callback`, `waitFor` and `call`. Source: PS-8.17 to PS-8.21. */
import { type Check, checkOf, describeSchema } from '../adapters/schema.ts'
import { invalidParams, isMap, type Members, shown } from '../errors.ts'
import type { Caller } from '../types.ts'
import { made, raised, siteOf, textOf, within } from './durable.ts'

/** How a wait for an answer ended. */
interface Outcome { readonly status: unknown; readonly value: unknown }

/** The waits of a context. */
export function waits(caller: Caller): object {
  return {
    sleep(key: unknown, duration: unknown) { return lazily(begin(caller, 'sleep', key, () => ({ duration }))) },
    ask(key: unknown, options: unknown) { return lazily(answered(caller, 'ask', key, options)) },
    callback(key: unknown, options: unknown) { return callback(caller, key, options) },
    waitFor(key: unknown, wanted: unknown, options?: unknown) { return lazily(arrived(caller, key, wanted, options)) },
    call(key: unknown, step: unknown, input?: unknown, options?: unknown) { return lazily(called(caller, key, { step, input, ...timeoutOf('call', key, options) })) },
    answer(id: unknown, value: unknown = null) { return caller.call('ask.answer', () => ({ id, value })) },
  }
}

/** Wait for an event: its data, or of a list of topics the topic too. */
function arrived(caller: Caller, key: unknown, wanted: unknown, options: unknown): () => Promise<unknown> {
  const isList = Array.isArray(wanted)
  const topics: unknown[] = isList ? wanted : [wanted]
  const send = begin(caller, 'event', key, () => ({
    topics: topics.map((each) => (isMap(each) ? without({ topic: each['topic'], by: each['by'] }) : each)),
    ...timeoutOf('waitFor', key, isList ? options : { ...(isMap(wanted) ? wanted : {}), ...(isMap(options) ? options : {}) }),
  }))
  return async () => {
    const taken = await send()
    return isList || !isMap(taken) ? taken : taken['data']
  }
}

/** Call another step: its value, or its error. */
function called(caller: Caller, key: unknown, given: Members): () => Promise<unknown> {
  const send = begin(caller, 'call', key, () => given)
  return async () => {
    const ended = await send()
    const { error, value }: Members = isMap(ended) ? ended : {}
    if (error !== undefined) throw raised(error)
    return value
  }
}

function timeoutOf(call: string, key: unknown, options: unknown): Members {
  if (options !== undefined && !isMap(options)) throw invalidParams(`${call}("${shown(key)}") takes options, such as {timeout: '2d'}; it was given ${shown(options)}.`)
  return without({ timeout: options?.['timeout'] })
}

/** Open a door for another system; its `result()` waits. Not a promise itself: `await` would wait for the answer too. */
async function callback(caller: Caller, key: unknown, options: unknown): Promise<object> {
  const opened = await begin(caller, 'callback', key, () => ({ ...asked(caller, 'callback', key, options), open: true }))()
  const { id, url } = isMap(opened) ? opened : {}
  const result = answered(caller, 'callback', key, options)
  return { id, url, result() { return lazily(result) } }
}

/** Wait for an answer, and give it as the schema makes it. */
function answered(caller: Caller, kind: string, key: unknown, options: unknown): () => Promise<Outcome> {
  const send = begin(caller, kind, key, () => asked(caller, kind, key, options))
  return async () => {
    const answer = await send()
    const { status, value = null } = isMap(answer) ? answer : {}
    const check: Check | undefined = isMap(options) ? checkOf(options['schema']) : undefined
    return { status, value: status === 'answered' ? await made(check, `${kind}("${textOf(key)}")`, value, false) : null }
  }
}

function asked(caller: Caller, kind: string, key: unknown, options: unknown): Members {
  if (options !== undefined && !isMap(options)) throw invalidParams(`${kind}("${shown(key)}") takes options, such as {title: 'Send it?'}; it was given ${shown(options)}.`)
  const { title, data, schema, timeout, notify, sensitive, verify }: Members = options ?? {}
  const described = describeSchema(schema, caller.step.file, `The schema of ${kind}("${shown(key)}")`, []) ?? undefined
  return { title, data, schema: described, timeout, notify, sensitive, verify }
}

/** Make what sends a wait, with the line and the `once` that the call stands in. */
function begin(caller: Caller, kind: string, key: unknown, given: () => Members): () => Promise<unknown> {
  const [site, inside] = [siteOf(), within.getStore()]
  return () => caller.call('wait', () => without({ key: textOf(key), kind, site, within: inside, ...given() }))
}

/** A promise that begins when it is awaited: a wait that is only made waits for nothing. */
function lazily<T>(send: () => Promise<T>): object {
  let begun: Promise<T> | undefined
  const start = () => (begun ??= send())
  return {
    then: (...given: Parameters<Promise<T>['then']>) => start().then(...given),
    catch: (...given: Parameters<Promise<T>['catch']>) => start().catch(...given),
    finally: (...given: Parameters<Promise<T>['finally']>) => start().finally(...given),
    [Symbol.toStringTag]: 'Promise',
  }
}

/** Leave out what was not given; `null` is a value: the longest timeout. */
function without(given: Members): Members {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
