/** Values that stand for exports of packages that are not loaded: they may be called, constructed and read, and do nothing. */
import { MAKER } from './stubs.mjs'

const PACKAGE = Symbol.for(`${MAKER}.package`)
/** Members that would make a stub look like a promise, a module or a value with a JSON form. */
const ABSENT = new Set(['then', '__esModule', 'toJSON'])

/** A stub of a package; whatever is done with it gives a stub of the same package. */
export function stubOf(name: string): unknown {
  const member = (key: string | symbol): unknown => {
    if (key === PACKAGE) return name
    return typeof key === 'symbol' || ABSENT.has(key) ? undefined : stub
  }
  // Compiled `import` clauses copy a module's own members and inherit the others.
  const members: object = new Proxy({}, { get: (_target, key) => member(key) })
  // A `function`: only that can be constructed, and has a prototype that may change.
  const stub: unknown = new Proxy(function () { /* never runs */ }, {
    get: (_target, key) => member(key), apply: () => stub, construct: () => stub as object, getPrototypeOf: () => members,
  })
  return stub
}

/** The package that a value is a stub of, if it is one. */
export function packageOf(value: unknown): string | undefined {
  if (typeof value !== 'function') return undefined
  return (value as unknown as Record<symbol, string | undefined>)[PACKAGE]
}
