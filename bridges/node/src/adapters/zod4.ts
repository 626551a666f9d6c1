/** JSON Schema of Zod 4: of input, no narrower than Zod, for the host checks by it; and of output. */
import type { Members } from '../errors.ts'

/** Side of a schema: values that go in, or values that it makes of them. */
export type Side = 'input' | 'output'
interface ZodSchema { _zod: { def: Definition } }
interface Definition extends CheckDefinition {
  type: string; coerce?: boolean; in?: ZodSchema; innerType?: ZodSchema; items?: ZodSchema[]; rest?: ZodSchema | null
  catchall?: ZodSchema; shape?: Record<string, ZodSchema>
  checks?: { _zod?: { def?: CheckDefinition } }[]
}
interface CheckDefinition { check?: string; pattern?: RegExp }
interface Written { zodSchema: ZodSchema; jsonSchema: Members }

/** Keywords that come from checks. */
export const CHECKED: readonly string[] = [
  'minLength', 'maxLength', 'pattern', 'format', 'allOf', 'minItems', 'maxItems', 'multipleOf', 'minimum', 'maximum',
  'exclusiveMinimum', 'exclusiveMaximum',
]
/** A URL as browsers take it, with spaces and letters that a URI has only escaped: `format: uri` would refuse them. */
export const URL_AS_TYPED: Members = { format: 'url', pattern: '^\\s*[A-Za-z][A-Za-z0-9+.\\-]*:' }
/** Flags that change what a regular expression finds, and that JSON Schema cannot say. */
const LOST_FLAGS = /[ims]/

/** A date in what comes out: JSON has none, so the host gets the class. Source: PS-6.4. */
export const MADE_DATE: Members = { 'x-made': 'Date' }

/** The options of `toJSONSchema`; `target` is the dialect. */
export function zod4Options(target: string, io: Side): Members {
  // What JSON Schema cannot say is left to the check by Zod itself.
  return { io, target, unrepresentable: 'any', override: io === 'input' ? widen : asMade }
}

function asMade({ zodSchema, jsonSchema }: Written): void {
  const { def } = zodSchema._zod
  if (def.type === 'date') Object.assign(jsonSchema, MADE_DATE)
  // That nothing else is left in an object is no difference worth telling.
  if (def.type === 'object' && def.catchall === undefined) drop(jsonSchema, ['additionalProperties'])
  leaveChecksToZod(def, jsonSchema)
}

function widen({ zodSchema, jsonSchema }: Written): void {
  const { def } = zodSchema._zod
  if (def.type === 'date' && def.coerce !== true) Object.assign(jsonSchema, { type: 'string', format: 'date-time' })
  if (def.coerce === true) drop(jsonSchema, ['type'])
  if (takesAnything(def)) drop(jsonSchema, Object.keys(jsonSchema).filter((keyword) => keyword !== 'description'))
  leaveChecksToZod(def, jsonSchema)
  requireLess(def, jsonSchema)
}

/** Rewrite keywords that a validator would judge otherwise than Zod. */
function leaveChecksToZod(def: Definition, jsonSchema: Members): void {
  if (rewritesFirst(def)) drop(jsonSchema, CHECKED)
  if (losesFlags(def)) drop(jsonSchema, ['pattern', 'allOf'])
  loosenFormat(jsonSchema)
  if (Array.isArray(jsonSchema['prefixItems']) && jsonSchema['prefixItems'].length === 0) drop(jsonSchema, ['prefixItems'])
  if (hasFractionalStep(jsonSchema)) drop(jsonSchema, ['multipleOf'])
}

/** Zod overlooks what floating point adds: 1.1 * 3 is a multiple of 0.1 to it, and not to the host. */
export function hasFractionalStep({ multipleOf }: Members): boolean {
  return typeof multipleOf === 'number' && !Number.isInteger(multipleOf)
}

/** Formats of JSON Schema that take less than Zod's of the same name; the pattern beside them says what counts. */
function loosenFormat(jsonSchema: Members): void {
  const { format } = jsonSchema
  if (format === 'uri') Object.assign(jsonSchema, URL_AS_TYPED)
  if (format === 'email') jsonSchema['format'] = 'email-address' // also longer than mail servers take
  if (format === 'duration') jsonSchema['format'] = 'iso-duration' // with fractions
  if (format === 'hostname') drop(jsonSchema, ['format']) // with a dot at the end
  // Here it is the pattern that takes less: no IPv4 inside IPv6.
  if (format === 'ipv6' || format === 'cidrv6') drop(jsonSchema, ['pattern'])
}

/** Preprocessors and `catch` take any type in; only what comes out has the type that Zod writes here. */
function takesAnything({ type, in: first }: Definition): boolean {
  return type === 'catch' || (type === 'pipe' && first?._zod.def.type === 'transform')
}

/** Report whether a check changes the value, as `trim` does: those after it do not see what came in. */
function rewritesFirst({ checks = [] }: Definition): boolean {
  const kinds = checks.map((check) => check._zod?.def?.check)
  const first = kinds.indexOf('overwrite')
  return first !== -1 && kinds.slice(first).some((kind) => kind !== 'overwrite')
}

function losesFlags(def: Definition): boolean {
  const patterns = [def, ...(def.checks ?? []).map((check) => check._zod?.def)].map((check) => check?.pattern)
  return patterns.some((pattern) => pattern !== undefined && LOST_FLAGS.test(pattern.flags))
}

/** A member that takes anything may take its absence as well. */
function requireLess({ type, shape = {}, items = [], rest }: Definition, jsonSchema: Members): void {
  const { required, minItems } = jsonSchema
  // With `rest`, Zod does not count: what is absent is undefined to it.
  const last = items.findLastIndex((item) => !maybeAbsent(item) && !(rest && takesUndefined(item)))
  if (type === 'tuple' && typeof minItems === 'number') jsonSchema['minItems'] = Math.min(minItems, last + 1)
  if (!Array.isArray(required)) return
  const left = required.filter((name: string) => !Object.hasOwn(shape, name) || !maybeAbsent(shape[name]))
  if (left.length === 0) drop(jsonSchema, ['required'])
  else jsonSchema['required'] = left
}

function maybeAbsent(schema: ZodSchema | undefined): boolean {
  if (schema === undefined) return false
  const { def } = schema._zod
  return takesAnything(def) || maybeAbsent(def.innerType ?? def.in)
}

function takesUndefined({ _zod: { def } }: ZodSchema): boolean {
  return def.coerce === true || def.type === 'any' || def.type === 'unknown' || (def.innerType !== undefined && takesUndefined(def.innerType))
}

function drop(jsonSchema: Members, keywords: readonly string[]): void {
  for (const keyword of keywords) Reflect.deleteProperty(jsonSchema, keyword)
}
