/** Results that are kept under a key: `once`. Source: PS-8.15, PS-8.16. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { fileURLToPath } from 'node:url'
import { type Check, checkOf } from '../adapters/schema.ts'
import { carry, pack, unpack } from '../codec.ts'
import { describeFailure, failureOf, invalidParams, isMap, isText, type Members, PolystepError, shown } from '../errors.ts'
import type { Caller, UserFunction } from '../types.ts'

/** What the function of a `once` is given. */
type Unit = Readonly<{ idempotencyKey: unknown; attempt: unknown; signal: AbortSignal }>
interface Begun { readonly value?: unknown; readonly error?: unknown; readonly go?: unknown; readonly timeout_ms?: unknown; readonly attempt?: unknown }

/** Timers take no longer times. */
const TIMER_MS_MAX = 2 ** 31 - 1
const HERE = fileURLToPath(new URL('..', import.meta.url))
/** The key of the `once` that the current code is inside of. */
export const within = new AsyncLocalStorage<string>()

/** The calls of a context that keep results; of a cron step also the time for which its tick was due, however late it runs. */
export function durable(caller: Caller): object {
  const { scheduled_ms: scheduledMs } = caller.params
  return {
    ...(scheduledMs === undefined ? {} : { scheduledAt: new Date(Number(scheduledMs)) }),
    once(key: unknown, work: unknown, options?: unknown) { return once(caller, key, work, options) },
  }
}

/** The value of the handler has no meaning: nobody has called it. Source: PS-7.7, PS-8.21. */
export function isSilent({ type, wants_value: isCalled }: Members): boolean {
  return (type === 'event' || type === 'cron') && isCalled !== true
}

/** Make the error of a failed handler, which may say what follows: `retryable = false`, `retryAfter = '30s'`. Source: PS-7.14. */
export function stepFailure(thrown: unknown): PolystepError {
  const [error, retryAfter] = [failureOf('step_failed', thrown), wish(thrown, 'retryAfter')]
  if (!(thrown instanceof PolystepError)) error.retryable = wish(thrown, 'retryable') !== false
  return isText(retryAfter) ? new PolystepError(error.name, error.message, error.code, error.retryable, { ...error.data, retry_after: retryAfter }) : error
}

/** Call `work` unless the run has kept what it gave; give what it gave. */
export function once(caller: Caller, key: unknown, work: unknown, options: unknown): Promise<unknown> {
  const site = siteOf()
  return tracked(caller, async () => {
    const given: Members = isMap(options) ? options : {}
    if (typeof work !== 'function') throw invalidParams("once takes a key and a function: await once('charge', () => pay(order))")
    const { timeout, retries, shared, sensitive, schema, scope, ttl } = given
    const check = checkOf(schema)
    const plain = check === undefined && isMap(schema) ? { schema } : {}
    const name = textOf(key)
    const inside = scope === undefined ? undefined : within.getStore()
    const asked = defined({ key: name, site, timeout, retries, shared, sensitive, scope, ttl, within: inside, ...plain })
    const begun = (await caller.call('once.begin', () => asked)) as Begun
    if ('error' in begun) throw raised(begun.error)
    if ('value' in begun) return made(check, `once("${name}")`, begun.value, false)
    return run(caller, name, work as UserFunction, check, begun)
  })
}

/** Do what counts as one call of the handler; PS-7.4. */
async function tracked(caller: Caller, work: () => Promise<unknown>): Promise<unknown> {
  caller.callsOpen += 1
  try {
    const value = await work()
    caller.callEnded(null)
    return value
  } catch (error) {
    caller.callEnded(error instanceof PolystepError ? error : null)
    throw error
  }
}

function wish(thrown: unknown, name: 'retryable' | 'retryAfter'): unknown {
  try { return isMap(thrown) ? thrown[name] : undefined } catch { return undefined }
}

async function run(caller: Caller, key: string, work: UserFunction, check: Check | undefined, begun: Begun): Promise<unknown> {
  const [timeoutMs, idempotencyKey] = [Number(begun.timeout_ms), begun.go]
  for (let { attempt } = begun; ;) {
    let [value, result]: unknown[] = []
    try {
      value = carry(await timed(caller, key, work, timeoutMs, { idempotencyKey, attempt }), 'value') ?? null
      // As a later use would get it: absent members are gone, and nothing is shared with user code.
      result = await made(check, `once("${key}")`, (unpack(Buffer.from(pack([value]))) as unknown[])[0], true)
    } catch (thrown) {
      const again = await caller.call('once.end', () => ({ key, error: described(thrown) }))
      if (!isMap(again)) throw thrown
      attempt = again['attempt']
      await new Promise((resolve) => { setTimeout(resolve, Number(again['again_ms'])) })
      continue
    }
    await caller.call('once.end', () => ({ key, value }))
    return result
  }
}

/** Call `work` inside the `once`, for at most so long. */
async function timed(caller: Caller, key: string, work: UserFunction, timeoutMs: number, given: Omit<Unit, 'signal'>): Promise<unknown> {
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new PolystepError('timed_out', `once("${key}") did not finish within ${timeoutMs / 1000} s.`, 12, true, {})
      over.abort(error)
      reject(error)
    }, Math.min(timeoutMs, TIMER_MS_MAX))
  })
  const unit: Unit = { ...given, get signal() { return AbortSignal.any([over.signal, caller.controller.signal]) } }
  try {
    return await Promise.race([within.run(key, () => Promise.resolve().then(() => work(unit))), late])
  } finally {
    clearTimeout(timer)
  }
}

/** What the schema makes of a value. One that does not fit is asked for again on first use, and never once it is kept. */
export async function made(check: Check | undefined, what: string, value: unknown, isNew: boolean): Promise<unknown> {
  const checked = check === undefined ? { value } : await check(value)
  if (checked.issues === undefined) return checked.value
  const [first] = checked.issues
  const where = first === undefined || first.path.length === 0 ? 'it' : first.path.join('.')
  const text = `${what}: ${isNew ? 'the result' : 'the kept result'} breaks its schema: ${where}: ${first?.message ?? 'is not valid'}`
  throw new PolystepError('contract_broken', text, 25, isNew, { key: /"(.*)"/s.exec(what)?.[1], issues: checked.issues })
}

/** An error as it is kept. */
function described(thrown: unknown): Members {
  const { name, message } = describeFailure(thrown)
  const more = thrown instanceof PolystepError ? { code: thrown.code, data: thrown.data } : {}
  return { name, message, ...more, retryable: wish(thrown, 'retryable') !== false }
}

/** A kept error as user code gets it. */
export function raised(kept: unknown): PolystepError {
  const { name, message, code, data, retryable } = isMap(kept) ? kept : {}
  return new PolystepError(shown(name), shown(message), Number(code ?? 21), retryable !== false, isMap(data) ? data : {})
}

/** The key of a durable call, which is text. */
export function textOf(key: unknown): string {
  if (isText(key)) return key
  throw invalidParams(`A key is a text, not ${shown(key, 100)}. Write what it means: \`order-\${id}\`.`)
}

function defined(given: Members): Members {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null))
}

/** The line of user code that makes the call. */
export function siteOf(): string | undefined {
  const lines = (new Error().stack ?? '').split('\n').slice(1)
  const line = lines.find((each) => !each.includes(HERE) && !each.includes('node:')) ?? ''
  const place = /((?:file:\/\/)?\/[^()]*:\d+):\d+\)?$/.exec(line)?.[1]?.replace('file://', '')
  return place?.replace(`${process.cwd()}/`, '')
}
