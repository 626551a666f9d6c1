/** Resolves `motia`, `polystep` and packages of Motia to stand-ins where the project has no such package. */
import * as nodeModule from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { stubOf } from './stub.ts'
import { isConfig, isStubbed, MAKER, replacement } from './stubs.mjs'

interface Resolved { url: string; format?: string; shortCircuit?: boolean }
type Next<Result> = (name: string) => Result
type SyncResolve = (name: string, context: { parentURL?: string }, next: (name: string, context: unknown) => Resolved) => Resolved
type Parent = { filename?: string | null } | undefined
interface Loader {
  _resolveFilename: (name: string, parent: Parent, ...rest: unknown[]) => string
  _load: (name: string, parent: Parent, ...rest: unknown[]) => unknown
}

/** Install the stand-ins for `import` and `require`. Call it after tsx, which compiles what they resolve to. */
export function installStandIn(): void {
  Object.assign(globalThis, { [Symbol.for(MAKER)]: stubOf })
  // Node 22.15 and later; there `register` is on its way out.
  const { registerHooks } = nodeModule as { registerHooks?: (hooks: { resolve: SyncResolve }) => void }
  if (registerHooks === undefined) nodeModule.register(new URL('stubs.mjs', import.meta.url))
  else registerHooks({ resolve: (name, context, next) => resolved(name, context.parentURL, (each) => next(each, context)) })
  const loader = nodeModule.Module as unknown as Loader
  const { _resolveFilename: resolveFilename, _load: load } = loader
  loader._resolveFilename = function (this: unknown, name, parent, ...rest) {
    return orElse(name, parent, (each) => Reflect.apply(resolveFilename, this, [each, parent, ...rest]), (other, next) => next(fileURLToPath(other)))
  }
  loader._load = function (this: unknown, name, parent, ...rest) {
    const next = (each: string): unknown => Reflect.apply(load, this, [each, parent, ...rest])
    return isStubbed(name) ? orElse(name, parent, next, () => stubOf(name)) : next(name)
  }
}

function resolved(name: string, parentURL: string | undefined, next: Next<Resolved>): Resolved {
  const other = replacement(name, parentURL)
  if (other === null) return next(name)
  if (!isConfig(parentURL)) {
    try { return next(name) } catch { /* It is not installed. */ }
  }
  return other.format === undefined ? next(other.url) : { ...other, shortCircuit: true }
}

/** For `require`: what `next` gives, or for a package that is replaced what `replace` gives. */
function orElse<Result>(name: string, parent: Parent, next: Next<Result>, replace: (url: string, next: Next<Result>) => Result): Result {
  const parentURL = parent?.filename ? pathToFileURL(parent.filename).href : undefined
  const other = replacement(name, parentURL)
  if (other === null) return next(name)
  if (!isConfig(parentURL)) {
    try { return next(name) } catch { /* It is not installed. */ }
  }
  return replace(other.url, next)
}
