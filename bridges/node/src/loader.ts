/** Step and stream files: import, find config and handler, describe the config to the host. Source: PS-6. */
import { relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { carry } from './codec.ts'
import { describeFailure, isMap, PolystepError } from './errors.ts'
import { isSchemaObject, toInputSchema } from './schema.ts'

/** User code's function; what it takes and gives is the host's to check. */
export type UserFunction = (...given: unknown[]) => unknown

/** A file that can be run. */
export interface LoadedFile {
  readonly file: string
  readonly handler: UserFunction | null
  readonly middleware: readonly UserFunction[]
}

/** A loaded file and what the host is told of it. */
export interface Loaded {
  readonly loaded: LoadedFile
  readonly answer: { config: unknown; handler: boolean; warnings: string[] }
}

const SCHEMA_MEMBERS = new Set(['bodySchema', 'input', 'schema'])

/**
 * Import `file`, relative to `project`.
 *
 * @throws PolystepError `load_failed`, with what the user has to do. Source: PS-6.3.
 */
export async function loadFile(project: string, file: string): Promise<Loaded> {
  const path = resolve(project, file)
  try {
    const module: unknown = await import(pathToFileURL(path).href)
    const config = exported(module, 'config')
    if (config === undefined) throw new LoadProblem(`${file} exports no "config". Add: export const config = { type, name, … }`)
    if (!isMap(config)) throw new LoadProblem(`The "config" of ${file} is ${kindOf(config)}, not an object.`)
    const handler = exported(module, 'handler')
    if (handler !== undefined && typeof handler !== 'function') {
      throw new LoadProblem(`The "handler" of ${file} is ${kindOf(handler)}, not a function.`)
    }
    const warnings: string[] = []
    const middleware = middlewareOf(config, file)
    const loaded = { file, handler: (handler ?? null) as UserFunction | null, middleware }
    return { loaded, answer: { config: describeConfig(config, path, warnings), handler: handler !== undefined, warnings } }
  } catch (error) {
    throw asLoadFailed(error, project, file)
  }
}

/** A problem that needs no stack: its message says it all. */
class LoadProblem extends Error {
  override readonly name = 'LoadProblem'
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** A named export, or a member of the default export; CommonJS under tsx can stand one level deeper. */
function exported(module: unknown, name: string): unknown {
  let holder: unknown = module
  for (let level = 0; level < 3 && typeof holder === 'object' && holder !== null; level += 1) {
    const found = (holder as Record<string, unknown>)[name]
    if (found !== undefined) return found
    holder = (holder as Record<string, unknown>)['default']
  }
  return undefined
}

function middlewareOf(config: Record<string, unknown>, file: string): UserFunction[] {
  const given = config['middleware'] ?? []
  if (!Array.isArray(given) || given.some((each) => typeof each !== 'function')) {
    throw new LoadProblem(`config.middleware of ${file} must be an array of functions.`)
  }
  return given as UserFunction[]
}

function describeConfig(config: Record<string, unknown>, path: string, warnings: string[]): unknown {
  const described: Record<string, unknown> = {}
  const convert = (value: unknown, where: string): unknown => {
    const { schema, warning } = convertSchema(value, path, where)
    if (warning !== undefined) warnings.push(warning)
    return schema
  }
  for (const [key, value] of Object.entries(config)) {
    if (key === 'middleware') described[key] = Array.isArray(value) ? value.length : 0
    else if (key === 'canAccess') described[key] = true
    else if (SCHEMA_MEMBERS.has(key) || isSchemaObject(value)) described[key] = convert(value, `config.${key}`)
    else if (key === 'responseSchema' && isMap(value)) {
      const entries = Object.entries(value).map(([status, schema]) => [status, convert(schema, `config.responseSchema.${status}`)])
      described[key] = Object.fromEntries(entries) as unknown
    } else described[key] = value
  }
  return carry(described, 'config')
}

function convertSchema(value: unknown, path: string, where: string): ReturnType<typeof toInputSchema> {
  try {
    return toInputSchema(value, path, where)
  } catch (error) {
    throw new LoadProblem(`${where} cannot be turned into JSON Schema: ${describeFailure(error).message}.`)
  }
}

function asLoadFailed(thrown: unknown, project: string, file: string): PolystepError {
  const failure = describeFailure(thrown)
  const message = explain(thrown, failure.message, project, file)
  const stack = thrown instanceof LoadProblem ? '' : failure.stack
  return PolystepError.own('load_failed', message, { name: failure.name, message, stack })
}

const MISSING = /^Cannot find (?:module|package) '([^']+)'/

/** The failure in the words of somebody who has to fix it. */
function explain(thrown: unknown, message: string, project: string, file: string): string {
  if (thrown instanceof LoadProblem || thrown instanceof PolystepError) return message
  const missing = MISSING.exec(message)?.[1]
  if (missing !== undefined && codeOf(thrown).endsWith('MODULE_NOT_FOUND')) return explainMissing(missing, message, project, file)
  if (message.startsWith('Transform failed')) {
    const lines = message.split('\n').slice(1).map((line) => line.replace(`${project}/`, '').replace(': ERROR: ', ': '))
    return `Syntax error in ${lines.join('\n')}`
  }
  return `${syntaxPlace(thrown, project) ?? file} failed to load: ${describeFailure(thrown).name}: ${message}`
}

/** Node writes the place of a syntax error above its stack, and nowhere else. */
function syntaxPlace(thrown: unknown, project: string): string | undefined {
  const at = thrown instanceof SyntaxError ? /^(?:file:\/\/)?(\/\S+:\d+)$/m.exec(thrown.stack ?? '')?.[1] : undefined
  return at === undefined ? undefined : relative(project, at)
}

function explainMissing(missing: string, message: string, project: string, file: string): string {
  const importer = /imported from (\/\S+)/.exec(message)?.[1] ?? /Require stack:\n- (\S+)/.exec(message)?.[1]
  const by = importer === undefined ? file : relative(project, importer)
  if (/^[./]/.test(missing)) {
    const shown = missing.startsWith('/') ? relative(project, missing) : missing
    return `Cannot find the file '${shown}' that ${by} imports. Check the path and the spelling.`
  }
  const parts = missing.split('/')
  const name = missing.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]
  return `Cannot find package '${String(name)}' that ${by} imports. Run "npm install ${String(name)}" in ${project}.`
}

function codeOf(thrown: unknown): string {
  const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : ''
  return typeof code === 'string' ? code : ''
}
