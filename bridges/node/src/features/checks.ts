/** Input of handlers, checked and made by the schema objects of the config. Source: PS-7.11. */
import { isDeepStrictEqual } from 'node:util'
import { type Check, checkOf, describeMade, type Issue } from '../adapters/schema.ts'
import { carry } from '../codec.ts'
import { isMap, type Members, PolystepError } from '../errors.ts'
import type { LoadedFile } from '../types.ts'

/** Member of the config → member of the request that it checks. */
const OF_REQUEST = { bodySchema: 'body', queryParams: 'queryParams', pathParams: 'pathParams' }

/** Schema objects that can check, by member of the config. */
type Checks = LoadedFile['checks']

/** Collect the checks of a config; the host checks by plain JSON Schema. */
export function checksOf(config: Members): Checks {
  const found = [...Object.keys(OF_REQUEST), 'input'].map((name) => [name, checkOf(config[name])] as const)
  return Object.fromEntries(found.filter((pair): pair is [string, Check] => pair[1] !== undefined))
}

/**
 * Collect JSON Schema of the values that checks make, by member of the config, where it differs from that of the input.
 * `described` is the config as it goes to the host. Source: PS-6.4.
 */
export function madeBy(checks: Checks, config: Members, described: unknown, file: string): { made?: Members } {
  const before = isMap(described) ? described : {}
  const found = Object.keys(checks).map((name) => [name, carried(describeMade(config[name], file))] as const)
  const made = found.filter(([name, schema]) => schema !== undefined && !isDeepStrictEqual(schema, before[name]))
  return made.length === 0 ? {} : { made: Object.fromEntries(made) }
}

/** Leave out a schema that cannot be carried: no type is worth a step that does not load. */
function carried(schema: unknown): unknown {
  try { return carry(schema, 'made') } catch { return {} }
}

/** Check the input, and return it as the schemas make it. Throws `contract_broken` with every issue. */
export async function checkedInput(checks: Checks, type: unknown, input: unknown): Promise<unknown> {
  if (type === 'event') return made(checks['input'], input, [])
  if (type !== 'api' || !isMap(input)) return input
  const issues: Issue[] = []
  const request = { ...input }
  for (const [name, member] of Object.entries(OF_REQUEST)) {
    // Of what stands beside the body, the path says where.
    request[member] = await made(checks[name], input[member], member === 'body' ? [] : [member], issues)
  }
  refuse(issues)
  return request
}

/** Check one value; its issues are thrown, or added to `issues` when given. */
async function made(check: Check | undefined, value: unknown, before: string[], issues?: Issue[]): Promise<unknown> {
  if (check === undefined) return value
  const checked = await check(value)
  if (checked.issues === undefined) return checked.value
  const found = checked.issues.map((issue) => ({ ...issue, path: [...before, ...issue.path] }))
  if (issues === undefined) refuse(found)
  issues?.push(...found)
  return value
}

function refuse(issues: readonly Issue[]): void {
  const [first] = issues
  if (first === undefined) return
  throw PolystepError.own('contract_broken', `${first.path.join('.') || 'it'}: ${first.message}`, { issues })
}
