/** Resolves `motia` and `polystep` to the stand-in where the project has no such package; an installed one wins. */
import * as nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'

const STAND_IN = new URL('motia.ts', import.meta.url).href
const NAMES = ['motia', 'polystep']

// Runs in Node's loader thread, which shares nothing with this one.
const HOOKS = `
export async function resolve(name, context, next) {
  if (!${JSON.stringify(NAMES)}.includes(name)) return next(name, context)
  try { return await next(name, context) } catch { return next(${JSON.stringify(STAND_IN)}, context) }
}`

type SyncResolve = (name: string, context: unknown, next: (name: string, context: unknown) => unknown) => unknown

/** Install the stand-in for `import` and `require`. Call it after tsx, which compiles what it resolves to. */
export function installStandIn(): void {
  // Node 22.15 and later; there `register` is on its way out.
  const { registerHooks } = nodeModule as { registerHooks?: (hooks: { resolve: SyncResolve }) => void }
  if (registerHooks === undefined) nodeModule.register(`data:text/javascript,${encodeURIComponent(HOOKS)}`)
  else registerHooks({ resolve: (name, context, next) => orStandIn(name, STAND_IN, (each) => next(each, context)) })
  const loader = nodeModule.Module as unknown as { _resolveFilename: (name: string, ...rest: unknown[]) => string }
  const original = loader._resolveFilename
  loader._resolveFilename = function (this: unknown, name, ...rest) {
    return orStandIn(name, fileURLToPath(STAND_IN), (each) => Reflect.apply(original, this, [each, ...rest]))
  }
}

function orStandIn<Result>(name: string, standIn: string, resolve: (name: string) => Result): Result {
  try {
    return resolve(name)
  } catch (error) {
    if (NAMES.includes(name)) return resolve(standIn)
    throw error
  }
}
