/** Step and stream files: import, find config and handler, describe the config to the host. Source: PS-6. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeConfig } from './adapters/config.ts'
import { exported } from './adapters/modules.ts'
import { carry } from './codec.ts'
import { rulesOf } from './features/access.ts'
import { checksOf, madeBy } from './features/checks.ts'
import { middlewareOf } from './features/middleware.ts'
import { isMap, LoadProblem } from './errors.ts'
import type { LoadedFile, UserFunction } from './types.ts'

/** Import `file`, relative to `project`, and look at it; throws what the file raised, or a `LoadProblem`. */
export async function loadFile(project: string, file: string): Promise<LoadedFile> {
  const path = resolve(project, file)
  const module: unknown = await import(pathToFileURL(path).href)
  const config = exported(module, 'config')
  const handler = exported(module, 'handler')
  if (config === undefined) throw new LoadProblem(`${file} exports no "config". Add: export const config = { type, name, … }`)
  if (!isMap(config)) throw new LoadProblem(`The "config" of ${file} is ${kindOf(config)}, not an object.`)
  if (typeof (handler ?? kindOf) !== 'function') throw new LoadProblem(`The "handler" of ${file} is ${kindOf(handler)}, not a function.`)
  const middleware = middlewareOf(config, file)
  const warnings: string[] = []
  const checks = checksOf(config)
  const described = carry(describeConfig(config, path, warnings), 'config')
  const made = madeBy(checks, config, described, path)
  const answer = { config: described, handler: handler !== undefined, warnings, contracts: Object.keys(checks), ...made }
  return { file, handler: handler as UserFunction | undefined, middleware, checks, rules: rulesOf(config), answer }
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`)
