/** Schemas of a config as JSON Schema, seen from the input side. Source: PS-6.2. */
import { createRequire } from 'node:module'
import { isMap } from './errors.ts'

/** A schema as data, and what the user should know about it. */
export interface SchemaResult {
  /** `undefined`: there is none that could be enforced. */
  readonly schema: unknown
  readonly warning?: string
}

interface ZodContext {
  readonly zodSchema: { readonly _zod: { readonly def: { readonly coerce?: boolean } } }
  readonly jsonSchema: Record<string, unknown>
}

type ToJsonSchema = (schema: unknown, options: unknown) => unknown

const DIALECT = 'draft-2020-12'

const ZOD_OPTIONS = {
  io: 'input',
  target: DIALECT,
  // What JSON Schema cannot say is left to the handler.
  unrepresentable: 'any',
  override: ({ zodSchema, jsonSchema }: ZodContext): void => {
    // z.coerce takes any type in; only what comes out has the type that Zod writes here.
    if (zodSchema._zod.def.coerce === true) delete jsonSchema['type']
  },
}

/** Whether `value` is a schema object of a library, and not plain data. */
export function isSchemaObject(value: unknown): boolean {
  return isMap(value) && ('_zod' in value || '~standard' in value || isZod3(value))
}

/**
 * The JSON Schema of `value`: Zod 4, any library with Standard JSON Schema, `toJSONSchema()` or `toJSON()`, or JSON Schema itself.
 *
 * `file` is the importing step: a Zod schema without a method of its own is converted by the Zod of its project.
 */
export function toInputSchema(value: unknown, file: string, where: string): SchemaResult {
  if (value === undefined || value === null) return { schema: value }
  if (!isMap(value)) return typeof value === 'boolean' ? { schema: value } : unknownSchema(where)
  if ('_zod' in value) return { schema: fromZod(value, file) }
  if (isZod3(value)) {
    return {
      schema: undefined,
      warning: `${where} is a Zod 3 schema, so it is not enforced. Run "npm install zod@4" and import { z } from 'zod'.`,
    }
  }
  return fromLibrary(value, where)
}

function fromLibrary(value: Record<string, unknown>, where: string): SchemaResult {
  const standard = value['~standard']
  const converter = isMap(standard) ? standard['jsonSchema'] : undefined
  if (isMap(converter) && typeof converter['input'] === 'function') {
    return { schema: (converter['input'] as (options: unknown) => unknown)({ target: DIALECT }) }
  }
  for (const name of ['toJSONSchema', 'toJsonSchema', 'toJSON']) {
    const method = value[name]
    if (typeof method === 'function') return { schema: Reflect.apply(method, value, []) as unknown }
  }
  return standard === undefined ? { schema: value } : unknownSchema(where)
}

function unknownSchema(where: string): SchemaResult {
  return {
    schema: undefined,
    warning: `${where} cannot be turned into JSON Schema, so it is not enforced. Use Zod 4 or a JSON Schema object.`,
  }
}

function isZod3(value: Record<string, unknown>): boolean {
  return '_def' in value && typeof value['safeParse'] === 'function' && !('_zod' in value)
}

function fromZod(schema: Record<string, unknown>, file: string): unknown {
  const own = schema['toJSONSchema']
  if (typeof own === 'function') return Reflect.apply(own, schema, [ZOD_OPTIONS]) as unknown
  return projectConverter(file)(schema, ZOD_OPTIONS)
}

function projectConverter(file: string): ToJsonSchema {
  const require = createRequire(file)
  for (const name of ['zod', 'zod/v4', 'zod/v4/core']) {
    try {
      const { toJSONSchema } = require(name) as { toJSONSchema?: ToJsonSchema }
      if (typeof toJSONSchema === 'function') return toJSONSchema
    } catch {
      // Not in this version of zod: the next name, or the error below.
    }
  }
  throw new Error(`the schema is a Zod 4 schema, but no "zod" with toJSONSchema was found from ${file}. Run "npm install zod@4"`)
}
