/** Exports of a module, whatever tsx and the project made of it. */
import { isMap } from '../errors.ts'

/** A named export, or a member of the default export; CommonJS under tsx can stand one level deeper. */
export function exported(holder: unknown, name: string, levels = 3): unknown {
  if (levels === 0 || !isMap(holder)) return undefined
  return holder[name] === undefined ? exported(holder['default'], name, levels - 1) : holder[name]
}

/** The default export itself, or what a CommonJS module exports; nothing when an ES module has none. */
export function defaultExport(holder: unknown): unknown {
  if (!isMap(holder)) return holder
  if (holder['default'] !== undefined) return defaultExport(holder['default'])
  const isModule = holder['__esModule'] === true || (holder as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'Module'
  return isModule ? undefined : holder
}
