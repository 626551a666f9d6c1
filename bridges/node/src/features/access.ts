/** Access rules of streams, which the host asks: the project's `authenticate`, a stream's `canAccess`. Source: PS-6.5. */
import { basename, resolve } from 'node:path'
import { defaultExport, exported } from '../adapters/modules.ts'
import { describeMotiaConfig, importConfig, isMotiaConfig } from '../adapters/motia-config.ts'
import { describeSchema } from '../adapters/schema.ts'
import { carry } from '../codec.ts'
import { describeFailure, isMap, LoadProblem, type Members } from '../errors.ts'
import type { LoadedFile, UserFunction } from '../types.ts'

/** Read the rule of a stream's config; throws a `LoadProblem` for one that would not be asked. */
export function rulesOf(config: Members): LoadedFile['rules'] {
  const misspelled = Object.keys(config).find((name) => name !== 'canAccess' && /^can_?access$/i.test(name))
  if (misspelled !== undefined) throw new LoadProblem(`config.${misspelled} would not be asked: write canAccess.`)
  const rule = config['canAccess'] ?? undefined
  if (rule === undefined) return {}
  if (typeof rule !== 'function') throw new LoadProblem('config.canAccess must be a function (subscription, auth) => boolean.')
  return { can_access: rule as UserFunction }
}

/** Import a file that may hold the project's rule: `authenticate`, or `streamAuth` in a `motia.config`. */
export async function loadAccess(project: string, file: string): Promise<LoadedFile> {
  const path = resolve(project, file)
  const module: unknown = await importConfig(path)
  if (isMotiaConfig(basename(file))) return ofMotia(file, path, defaultExport(module))
  const authenticate = exported(module, 'authenticate')
  if (authenticate === undefined) throw new LoadProblem(`${file} exports no authenticate. Add: export const authenticate = ({ headers, url }) => …`)
  return accessFile(file, path, { authenticate, contextSchema: exported(module, 'contextSchema') })
}

function ofMotia(file: string, path: string, config: unknown): LoadedFile {
  if (!isMap(config)) throw new LoadProblem(`${file} has no default export. Write: export default config({ streamAuth: { … } })`)
  const auth = config['streamAuth'] ?? undefined
  const isRule = isMap(auth) && typeof auth['authenticate'] === 'function'
  if (auth !== undefined && !isRule) throw new LoadProblem(`streamAuth of ${file} needs a function authenticate({ headers, url }).`)
  return accessFile(file, path, isRule ? auth : {}, { motia: describeMotiaConfig(config) })
}

function accessFile(file: string, path: string, given: Members, more: Members = {}): LoadedFile {
  const { authenticate = null, contextSchema } = given
  if (typeof (authenticate ?? accessFile) !== 'function') throw new LoadProblem(`authenticate of ${file} is not a function.`)
  const warnings: string[] = []
  const schema = describedSchema(contextSchema, path, warnings)
  const config = carry({ ...more, ...(schema === undefined ? {} : { contextSchema: schema }) }, 'config')
  const rules = authenticate === null ? {} : { authenticate: authenticate as UserFunction }
  const answer = { config, handler: authenticate !== null, warnings }
  return { file, handler: undefined, middleware: [], checks: {}, rules, answer }
}

function describedSchema(schema: unknown, path: string, warnings: string[]): unknown {
  try {
    return describeSchema(schema ?? undefined, path, 'contextSchema', warnings)
  } catch (error) {
    throw new LoadProblem(`contextSchema cannot be turned into JSON Schema: ${describeFailure(error).message}.`)
  }
}

/** Ask a rule, for the types of runs that do; `undefined` for other types. Source: PS-6.6. */
export function askRule({ rules }: LoadedFile, type: unknown, input: unknown): Promise<unknown> | undefined {
  const given = isMap(input) ? input : {}
  if (type === 'authenticate') return asked(rules['authenticate'], [input])
  if (type !== 'can_access') return undefined
  return asked(rules['can_access'], [given['subscription'], given['context'] ?? undefined]).then(Boolean)
}

/** Call a rule; one that is missing is an error, never a yes. */
async function asked(rule: UserFunction | undefined, given: readonly unknown[]): Promise<unknown> {
  if (rule === undefined) throw new LoadProblem('The file has no such rule.')
  return (await rule(...given)) ?? null
}
