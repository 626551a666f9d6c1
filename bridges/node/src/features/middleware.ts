/** Functions of the config that are called around the handler, the first outermost. Source: PS-6.2. */
import { LoadProblem, type Members } from '../errors.ts'
import type { LoadedFile, UserFunction } from '../types.ts'

/** The middleware that a config declares; throws a `LoadProblem` where it is none. */
export function middlewareOf(config: Members, file: string): readonly UserFunction[] {
  const layers = config['middleware'] ?? []
  if (Array.isArray(layers) && layers.every((layer) => typeof layer === 'function')) return layers as UserFunction[]
  throw new LoadProblem(`config.middleware of ${file} must be an array of functions.`)
}

/** Call the layer at `index`, whose `next` calls the one behind it, or `handler` after the last one. */
export function callThrough(step: LoadedFile, given: readonly [unknown, object], handler: () => unknown, index = 0): unknown {
  const layer = step.middleware[index]
  if (layer === undefined) return handler()
  let isCalled = false
  // A promise also over a handler that is not async, so that `next().then` and `catch` work.
  return layer(...given, async () => {
    if (isCalled) throw new Error(`next() was called twice in middleware ${index + 1} of ${step.file}; call it once.`)
    isCalled = true
    return await callThrough(step, given, handler, index + 1)
  })
}
