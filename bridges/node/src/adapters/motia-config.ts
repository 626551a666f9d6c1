/** Description of a `motia.config.ts` for the host: its settings beside the access rule. Source: Motia 0.17's public types. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { isMap, type Members } from '../errors.ts'
import { packageOf } from './stub.ts'

const KNOWN = new Set(['app', 'plugins', 'adapters', 'redis', 'streamAuth'])

/** Report whether a file is a config of Motia, by its name. */
export const isMotiaConfig = (file: string): boolean => /^motia\.config\.(?:ts|js|mjs)$/.test(file)

/** The members that a host has to name to the user: plugins by package or function, adapters by their kind. */
export function describeMotiaConfig(config: Members): Members {
  const { app, plugins, adapters, redis } = config
  const unknown = Object.keys(config).filter((name) => !KNOWN.has(name))
  return {
    ...(typeof app === 'function' ? { app: true } : {}),
    ...(Array.isArray(plugins) && plugins.length > 0 ? { plugins: [...new Set(plugins.map(pluginName))] } : {}),
    ...(isMap(adapters) && Object.keys(adapters).length > 0 ? { adapters: Object.keys(adapters) } : {}),
    ...(isMap(redis) ? { redis: true } : {}),
    ...(unknown.length > 0 ? { unknown } : {}),
  }
}

function pluginName(plugin: unknown, at: number): string {
  const name = typeof plugin === 'function' ? plugin.name : ''
  return packageOf(plugin) ?? (name === '' ? `plugin ${at + 1}` : name)
}

/** Import a config; Motia's loader gives also ES modules a `require`, and configs that it made use it. */
export async function importConfig(path: string): Promise<unknown> {
  const holder = globalThis as { require?: NodeJS.Require }
  const before = holder.require
  holder.require = createRequire(path)
  try {
    return await import(pathToFileURL(path).href)
  } finally {
    if (before === undefined) delete holder.require
    else holder.require = before
  }
}
