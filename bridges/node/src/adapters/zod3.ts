/** Zod 3, which many projects pin: its schemas have no JSON Schema of their own. Source: zod-to-json-schema 3.25. */
import { createRequire } from 'node:module'
import { isMap } from '../errors.ts'
import type { Members } from '../errors.ts'

type Convert = (schema: unknown, options: Members) => unknown

const OPTIONS: Members = {
  target: 'jsonSchema2019-09',
  effectStrategy: 'input',
  pipeStrategy: 'input',
  // What is not declared is dropped by Zod, not refused.
  removeAdditionalStrategy: 'strict',
  strictUnions: true,
  definitionPath: '$defs',
  postProcess: (schema: unknown, def: { coerce?: boolean; typeName?: string }) => (isAnyInput(def) ? {} : schema),
}

/** Whether `value` is a schema object of Zod 3. */
export function isZod3(value: Members): boolean {
  return '_def' in value && typeof value['safeParse'] === 'function' && !('_zod' in value)
}

/** The JSON Schema (2020-12) of a Zod 3 schema, seen from the input side. */
export function describeZod3(schema: unknown): unknown {
  // Loaded when it is needed: it brings a copy of Zod along.
  const { zodToJsonSchema } = createRequire(import.meta.url)('zod-to-json-schema') as { zodToJsonSchema: Convert }
  const described = modern(zodToJsonSchema(schema, OPTIONS))
  return isMap(described) ? Object.fromEntries(Object.entries(described).filter(([key]) => key !== '$schema')) : described
}

/** What takes any type in: only what comes out of a coercion or a preprocessor has the type that stands there. */
function isAnyInput(def: Members): boolean {
  const effect = def['effect']
  return def['coerce'] === true || (def['typeName'] === 'ZodEffects' && isMap(effect) && effect['type'] === 'preprocess')
}

/** Tuples as 2020-12 says them: the members in `prefixItems`, what follows them in `items`. */
function modern(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(modern)
  if (!isMap(schema)) return schema
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (key === 'items' && Array.isArray(value)) return ['prefixItems', modern(value)]
    return [key === 'additionalItems' ? 'items' : key, modern(value)]
  })
  return Object.fromEntries(entries)
}
