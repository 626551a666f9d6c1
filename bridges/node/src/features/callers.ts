/** Stand-in for an attempt in tests of the features. */
import type { Members } from '../errors.ts'
import type { Caller } from '../types.ts'

type Answer = (params: Members) => unknown

/** Make a caller whose host answers by method; `calls` are what it was asked. */
export function callerOf(answers: Record<string, Answer>): { caller: Caller; calls: [string, Members][] } {
  const calls: [string, Members][] = []
  const call = (method: string, given: () => Members): Promise<unknown> => {
    const params = given()
    calls.push([method, params])
    return Promise.resolve(answers[method]?.(params) ?? null)
  }
  const step = { file: 'steps/a.step.ts', handler: undefined, middleware: [], checks: {}, rules: {}, answer: {} }
  const caller: Caller = {
    params: {}, step, features: new Set(['durable']), controller: new AbortController(), call, notify: () => undefined,
    callsOpen: 0, callEnded: () => undefined,
  }
  return { caller, calls }
}
