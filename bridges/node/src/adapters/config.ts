/** Description of configs for the host, with Motia 0.17's names of members. Source: PS-6.2. */
import { describeFailure, isMap, LoadProblem, type Members } from '../errors.ts'
import { describeSchema, isSchemaObject } from './schema.ts'

/** The config with schemas as JSON Schema, and functions by their number. `file` is the importing step. */
export function describeConfig(config: Members, file: string, warnings: string[]): Members {
  const convert = (schema: unknown, where: string): unknown => {
    try {
      return describeSchema(schema, file, where, warnings)
    } catch (error) {
      throw new LoadProblem(`${where} cannot be turned into JSON Schema: ${describeFailure(error).message}.`)
    }
  }
  return mapped(config, (key, value) => {
    if (key === 'middleware') return Array.isArray(value) ? value.length : 0
    if (key === 'canAccess') return trueIfGiven(value)
    if (['bodySchema', 'input', 'output', 'schema'].includes(key) || isSchemaObject(value)) return convert(value, `config.${key}`)
    if (key === 'responseSchema' && isMap(value)) return mapped(value, (status, schema) => convert(schema, `config.${key}.${status}`))
    if (!['queryParams', 'pathParams'].includes(key) || !Array.isArray(value)) return value
    const parameter = (at: number) => (name: string, member: unknown): unknown =>
      (name === 'schema' ? convert(member, `config.${key}.${at}.schema`) : member)
    return value.map((each: unknown, at) => (isMap(each) ? mapped(each, parameter(at)) : each))
  })
}

const trueIfGiven = (value: unknown): true | undefined => (value === undefined || value === null ? undefined : true)

const mapped = (members: Members, change: (key: string, value: unknown) => unknown): Members =>
  Object.fromEntries(Object.entries(members).map(([key, value]) => [key, change(key, value)]))
