/**
 * Replaces packages of Motia that a project need not have: plain JavaScript, since Node's loader thread has no tsx.
 *
 * A `motia.config` is read for its access rule alone. Its plugins and adapters are never called, and loading the real ones would
 * start Workbench tabs or connect to Redis, so it gets stubs even where the packages are installed. Other files get them where a
 * package is missing.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** By the names that an import clause brings in, where the stub is made. */
export const MAKER = 'polystep.stub'
const STAND_IN = new URL('motia.ts', import.meta.url).href
const STOOD_IN = new Set(['motia', 'polystep', '@motiadev/core'])
const STUBBED = /^@motiadev\/(?:plugin-|adapter-|(?:workbench|ui)(?:\/|$))/
const CONFIG = /\/motia\.config\.(?:ts|js|mjs)(?:\?|$)/
const IMPORT = /\bimport\s+(?:type\s+)?([^'";]*?)\s*from\s*(['"])([^'"]+)\2/g

/** Report whether the importing file gets a replacement even where the package is installed. */
export const isConfig = (parent) => CONFIG.test(parent ?? '')

/** Report whether a package is replaced by an inert stub. */
export const isStubbed = (name) => STUBBED.test(name)

/** The replacement of a package for the file that imports it, if there is one. */
export function replacement(name, parent) {
  if (STOOD_IN.has(name)) return { url: STAND_IN }
  if (!STUBBED.test(name)) return null
  const made = `const stub = globalThis[Symbol.for('${MAKER}')](${JSON.stringify(name)})\nexport default stub\n`
  const members = namesImported(name, parent).map((each) => `export const ${each} = stub[${JSON.stringify(each)}]\n`)
  return { url: `data:text/javascript,${encodeURIComponent(made + members.join(''))}`, format: 'module' }
}

/** Names that a file imports: a module must export it, or the file cannot be linked. */
function namesImported(name, parent) {
  let source = ''
  try { source = readFileSync(fileURLToPath(parent.split('?')[0]), 'utf8') } catch {}
  const names = new Set()
  for (const [, clause, , from] of source.matchAll(IMPORT)) {
    if (from !== name) continue
    for (const each of (/\{([^}]*)\}/.exec(clause)?.[1] ?? '').split(',')) {
      const found = /^\s*(?:type\s+)?([\w$]+)/.exec(each)?.[1]
      if (found !== undefined && found !== 'default') names.add(found)
    }
  }
  return [...names]
}

/** The hook of Node's loader thread. */
export async function resolve(name, context, next) {
  const other = replacement(name, context.parentURL)
  if (other === null) return next(name, context)
  if (!isConfig(context.parentURL)) {
    try { return await next(name, context) } catch {}
  }
  return other.format === undefined ? next(other.url, context) : { ...other, shortCircuit: true }
}
