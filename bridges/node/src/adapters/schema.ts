/** Schemas of schema libraries: as JSON Schema for the host (PS-6.2), and as checks of values (PS-7.11). */
import { createRequire } from 'node:module'
import { isMap } from '../errors.ts'
import type { Members } from '../errors.ts'
import { describeZod3, isZod3 } from './zod3.ts'
import { type Side, zod4Options } from './zod4.ts'

type Convert = () => unknown

/** One place where a value breaks a schema; `path` leads there from the value's root. */
export type Issue = Readonly<{ path: (string | number)[]; message: string; code: string }>
/** Result of a check: the value that the schema makes, or the issues. */
export type Checked = Readonly<{ value: unknown; issues?: undefined } | { issues: Issue[] }>
/** Checks a value by the library that declared the schema: its transforms, defaults and refinements apply. */
export type Check = (value: unknown) => Checked | Promise<Checked>

/** RFC 3339, as `format: date-time` takes it. */
const ISO_TIME = /^(\d{4}-\d\d-\d\d)[Tt](?!24)\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/
const DIALECT = 'draft-2020-12'
const ZOD_OPTIONS = { input: zod4Options(DIALECT, 'input'), output: zod4Options(DIALECT, 'output') }
/** Members by which schema objects identify themselves. */
const OWN_METHODS = ['toJSONSchema', 'toJsonSchema', 'toJSON']
/** Report whether `value` is a schema object of a library, and not plain data. */
export function isSchemaObject(value: unknown): boolean {
  return isMap(value) && ('_zod' in value || '~standard' in value || isZod3(value))
}

/**
 * The JSON Schema of `value`: Zod 3 and 4, Standard JSON Schema, an object with `toJSONSchema()` or `toJSON()`, or JSON Schema
 * itself.
 *
 * `file` is the importing step: a Zod schema without a method of its own is converted by the Zod of its project. What cannot
 * be enforced is `undefined`, and a warning says so.
 */
export function describeSchema(value: unknown, file: string, where: string, warnings: string[]): unknown {
  if (value === undefined || value === null || typeof value === 'boolean') return value
  const convert = isMap(value) ? converterOf(value, file, 'input') ?? ownConverterOf(value) : null
  if (convert !== null) return convert()
  const rest = checkOf(value) === undefined ? 'it is not enforced' : 'only its own step enforces it, and no type or document shows it'
  warnings.push(`${where} cannot be turned into JSON Schema, so ${rest}. Use Zod or a JSON Schema object.`)
  return undefined
}

/**
 * The JSON Schema of what a schema object makes of a value (PS-6.4): `{}` where that is unknown, `undefined` where its
 * library describes one side only.
 */
export function describeMade(value: unknown, file: string): unknown {
  try {
    return isMap(value) ? converterOf(value, file, 'output')?.() : undefined
  } catch {
    // The step can run all the same; its author hears of it as `unknown`.
    return {}
  }
}

/** The check that a schema object brings along: Standard Schema's, or that of an older Zod; plain JSON Schema has none. */
export function checkOf(schema: unknown): Check | undefined {
  if (!isMap(schema)) return undefined
  const standard = schema['~standard']
  const validate = (isMap(standard) ? methodGiven(standard, 'validate') : null) ?? methodGiven(schema, 'safeParseAsync')
  return validate === null ? undefined : (value) => settled(validate(value), (repaired) => settled(validate(repaired)), value)
}

type Again = (value: unknown) => Checked | Promise<Checked>

/** Standard Schema gives `{value}` or `{issues}`; Zod's own methods give `{data}` or `{error: {issues}}`. */
function settled(result: unknown, again?: Again, value?: unknown): Checked | Promise<Checked> {
  if (result instanceof Promise) return result.then((outcome) => settled(outcome, again, value))
  const outcome = isMap(result) ? result : {}
  const error = outcome['error']
  const issues = outcome['issues'] ?? (isMap(error) ? error['issues'] : undefined)
  if (!Array.isArray(issues)) return { value: 'data' in outcome ? outcome['data'] : outcome['value'] }
  const repaired = again === undefined ? undefined : withDates(value, issues)
  return repaired === undefined || again === undefined ? { issues: issues.map(issueOf) } : again(repaired)
}

/** The value with dates where the issues miss them and ISO texts stand: JSON has no dates. */
function withDates(value: unknown, issues: readonly unknown[]): unknown {
  const repaired = issues.flatMap(missedDates).reduce<unknown>(withDate, value)
  return repaired === value ? undefined : repaired
}

/** Find where issues miss a date, also in branches of unions: Zod 4 gives paths from the union, Zod 3 from the root. */
function missedDates(issue: unknown): (string | number)[][] {
  if (!isMap(issue)) return []
  const { path } = issueOf(issue)
  if (issue['expected'] === 'date') return [path]
  const { errors, unionErrors } = issue
  const below = Array.isArray(errors) ? (errors as unknown[]).flat().flatMap(missedDates).map((inner) => [...path, ...inner]) : []
  const old = Array.isArray(unionErrors) ? (unionErrors as { issues: unknown[] }[]).flatMap(({ issues }) => issues) : []
  return [...below, ...old.flatMap(missedDates)]
}

function withDate(value: unknown, [key, ...below]: (string | number)[]): unknown {
  if (key === undefined) return typeof value === 'string' ? dateOf(value) ?? value : value
  if (!Array.isArray(value) && !isMap(value)) return value
  const member = (value as Members)[key]
  const repaired = withDate(member, below)
  if (repaired === member) return value
  return Array.isArray(value) ? value.with(Number(key), repaired) : { ...value, [key]: repaired }
}

/** The moment that a text names. `new Date` alone would make 1 March of 30 February. */
function dateOf(text: string): Date | undefined {
  const day = ISO_TIME.exec(text)?.[1]
  const midnight = new Date(`${day ?? ''}T00:00:00Z`)
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${day ?? ''}T`) ? new Date(text.toUpperCase()) : undefined
}

function issueOf(given: unknown): Issue {
  const { path, message, code } = isMap(given) ? given : {}
  const keys = Array.isArray(path) ? path.map((part: unknown) => (isMap(part) ? part['key'] : part)) : []
  return {
    path: keys.map((key) => (typeof key === 'number' ? key : String(key))),
    message: typeof message === 'string' ? message : 'is not valid',
    code: typeof code === 'string' ? code : 'invalid',
  }
}

/** Find the converter of one side, where a library tells input from output. */
function converterOf(value: Members, file: string, side: Side): Convert | null {
  if ('_zod' in value) return methodOf(value, 'toJSONSchema', ZOD_OPTIONS[side]) ?? projectZod(value, file, side)
  if (isZod3(value)) return () => describeZod3(value, side)
  const { jsonSchema } = isMap(value['~standard']) ? (value['~standard'] as { jsonSchema?: unknown }) : {}
  return isMap(jsonSchema) ? methodOf(jsonSchema, side, { target: DIALECT }) : null
}

/** By a method of the object's own, or JSON Schema itself; a schema object of a library that cannot say what it is has none. */
function ownConverterOf(value: Members): Convert | null {
  const own = OWN_METHODS.map((name) => methodOf(value, name)).find((method) => method !== null)
  return own ?? ('~standard' in value ? null : () => value)
}

function methodOf(holder: Members, name: string, ...given: unknown[]): Convert | null {
  const method = methodGiven(holder, name)
  return method === null ? null : () => method(...given)
}

function methodGiven(holder: Members, name: string): ((...given: unknown[]) => unknown) | null {
  const method = holder[name]
  return typeof method === 'function' ? (...given) => Reflect.apply(method, holder, given) as unknown : null
}

function projectZod(schema: Members, file: string, side: Side): Convert {
  const require = createRequire(file)
  for (const name of ['zod', 'zod/v4', 'zod/v4/core']) {
    try {
      const { toJSONSchema } = require(name) as { toJSONSchema?: (schema: unknown, options: unknown) => unknown }
      if (toJSONSchema !== undefined) return () => toJSONSchema(schema, ZOD_OPTIONS[side])
    } catch {
      // Not in this version of zod: the next name, or the error below.
    }
  }
  throw new Error(`the schema is a Zod 4 schema, but no "zod" with toJSONSchema was found from ${file}. Run "npm install zod@4"`)
}
