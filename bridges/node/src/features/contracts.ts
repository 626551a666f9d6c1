/** What goes into a handler, checked and made by the schema objects that its own config declares. Source: PS-7.11. */
import { isDeepStrictEqual } from 'node:util'
import { type Check, checkOf, describeMade, type Issue } from '../adapters/schema.ts'
import { carry } from '../codec.ts'
import { isMap, type Members, PolystepError } from '../errors.ts'

/** Member of the config → member of the request that it judges. */
const OF_REQUEST = { bodySchema: 'body', queryParams: 'queryParams', pathParams: 'pathParams' }

/** By member of the config: the schema objects that can check. */
export type Checks = Readonly<Record<string, Check>>

/** The checks of a config; plain JSON Schema is the host's to check. */
export function checksOf(config: Members): Checks {
  const found = [...Object.keys(OF_REQUEST), 'input'].map((name) => [name, checkOf(config[name])] as const)
  return Object.fromEntries(found.filter((pair): pair is [string, Check] => pair[1] !== undefined))
}

/**
 * By member of the config: JSON Schema of what its check makes, where that is not what goes in. `described` is the config as the
 * host is told of it. Source: PS-6.4.
 */
export function madeBy(checks: Checks, config: Members, described: unknown, file: string): { made?: Members } {
  const before = isMap(described) ? described : {}
  const found = Object.keys(checks).map((name) => [name, carried(describeMade(config[name], file))] as const)
  const made = found.filter(([name, schema]) => schema !== undefined && !isDeepStrictEqual(schema, before[name]))
  return made.length === 0 ? {} : { made: Object.fromEntries(made) }
}

/** What cannot be carried is not told: no type is worth a step that does not load. */
function carried(schema: unknown): unknown {
  try { return carry(schema, 'made') } catch { return {} }
}

/** The input as the schemas make it. Throws `contract_broken` with every issue. */
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

/** What a check makes of a value; its issues are thrown, or gathered when there is where to. */
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
