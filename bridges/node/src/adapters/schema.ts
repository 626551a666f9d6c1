/** Schemas of a config as JSON Schema, seen from the input side. Source: PS-6.2. */
import { createRequire } from 'node:module'
import { isMap } from '../errors.ts'
import type { Members } from '../errors.ts'

type Convert = () => unknown

const DIALECT = 'draft-2020-12'
const ZOD_OPTIONS = {
  io: 'input',
  target: DIALECT,
  // What JSON Schema cannot say is left to the handler.
  unrepresentable: 'any',
  override({ zodSchema, jsonSchema }: { zodSchema: { _zod: { def: { coerce?: boolean } } }; jsonSchema: Members }): void {
    // z.coerce takes any type in; only what comes out has the type that Zod writes here.
    if (zodSchema._zod.def.coerce === true) delete jsonSchema['type']
  },
}

/** Whether `value` is a schema object of a library, and not plain data. */
export function isSchemaObject(value: unknown): boolean {
  return isMap(value) && ('_zod' in value || '~standard' in value || isZod3(value))
}

/**
 * The JSON Schema of `value`: Zod 4, Standard JSON Schema, an object with `toJSONSchema()` or `toJSON()`, or JSON Schema itself.
 *
 * `file` is the importing step: a Zod schema without a method of its own is converted by the Zod of its project. What cannot
 * be enforced is `undefined`, and a warning says so.
 */
export function describeSchema(value: unknown, file: string, where: string, warnings: string[]): unknown {
  if (value === undefined || value === null || typeof value === 'boolean') return value
  if (isMap(value) && isZod3(value)) {
    warnings.push(`${where} is a Zod 3 schema, so it is not enforced. Run "npm install zod@4" and import { z } from 'zod'.`)
    return undefined
  }
  const convert = isMap(value) ? converterOf(value, file) : null
  if (convert !== null) return convert()
  warnings.push(`${where} cannot be turned into JSON Schema, so it is not enforced. Use Zod 4 or a JSON Schema object.`)
  return undefined
}

function converterOf(value: Members, file: string): Convert | null {
  if ('_zod' in value) return methodOf(value, 'toJSONSchema', ZOD_OPTIONS) ?? projectZod(value, file)
  const standard = value['~standard']
  return (
    (isMap(standard) && isMap(standard['jsonSchema']) ? methodOf(standard['jsonSchema'], 'input', { target: DIALECT }) : null) ??
    methodOf(value, 'toJSONSchema') ?? methodOf(value, 'toJsonSchema') ?? methodOf(value, 'toJSON') ??
    (standard === undefined ? () => value : null)
  )
}

function isZod3(value: Members): boolean {
  return '_def' in value && typeof value['safeParse'] === 'function' && !('_zod' in value)
}

function methodOf(holder: Members, name: string, ...given: unknown[]): Convert | null {
  const method = holder[name]
  return typeof method === 'function' ? () => Reflect.apply(method, holder, given) as unknown : null
}

function projectZod(schema: Members, file: string): Convert {
  const require = createRequire(file)
  for (const name of ['zod', 'zod/v4', 'zod/v4/core']) {
    try {
      const { toJSONSchema } = require(name) as { toJSONSchema?: (schema: unknown, options: unknown) => unknown }
      if (toJSONSchema !== undefined) return () => toJSONSchema(schema, ZOD_OPTIONS)
    } catch {
      // Not in this version of zod: the next name, or the error below.
    }
  }
  throw new Error(`the schema is a Zod 4 schema, but no "zod" with toJSONSchema was found from ${file}. Run "npm install zod@4"`)
}
