/** What each branch of a union says: Zod itself often shows only the branch that is nearest to fit. */

/** What Zod says of a value that it refuses; a union has the issues of its branches, their paths lead from the union. */
export type Raw = Readonly<{ path: (string | number)[]; message: string; code: string; errors?: Raw[][] }>
interface Parsed { error?: { issues: Raw[] } }
/** A schema of Zod 4 or of Zod 3. */
interface Schema {
  _zod?: { def: Definition; values?: Set<unknown> }; _def: OldDefinition; safeParseAsync: (value: unknown) => Promise<Parsed>
}
interface Parts {
  innerType?: Schema; in?: Schema; getter?: () => Schema; discriminator?: string
  items?: Schema[]; valueType?: Schema; rest?: Schema | null; catchall?: Schema
}
interface Definition extends Parts { type: string; options?: Schema[]; shape?: Record<string, Schema>; element?: Schema }
interface OldDefinition extends Parts {
  typeName: string; type?: Schema; schema?: Schema; shape?: () => Record<string, Schema>
  options?: Schema[]; optionsMap?: Map<unknown, Schema>
}
type Members = Record<string | number, unknown>

/** All that a schema of any Zod has against a value. */
export async function issuesOf(schema: unknown, value: unknown): Promise<Raw[]> {
  const { error } = await (schema as Schema).safeParseAsync(value)
  return Promise.all((error?.issues ?? []).map((issue) => withBranches(schema as Schema, value, issue, 0)))
}

/** The issue, or that of the union which its path leads to or through; `depth` counts the keys that are passed. */
async function withBranches(schema: Schema | undefined, value: unknown, issue: Raw, depth: number): Promise<Raw> {
  if (schema === undefined) return issue
  const def = schema._zod?.def ?? modern(schema._def)
  const { type, discriminator, options = [] } = def
  if (type === 'union' && discriminator === undefined) {
    const errors = await Promise.all(options.map((option) => issuesOf(option, value)))
    return { ...issue, path: issue.path.slice(0, depth), code: 'invalid_union', errors }
  }
  const same = within(def) ?? chosen(schema, def, value)
  if (same !== undefined) return withBranches(same, value, issue, depth)
  const key = issue.path[depth]
  return key === undefined ? issue : withBranches(memberOf(def, key), (value as Members)[key], issue, depth + 1)
}

function within({ innerType, in: first, getter }: Definition): Schema | undefined { return innerType ?? first ?? getter?.() }

function memberOf(def: Definition, key: string | number): Schema | undefined {
  return def.shape?.[key] ?? def.items?.[Number(key)] ?? def.element ?? def.valueType ?? def.rest ?? def.catchall
}

/** What Zod 3 has, by the names of Zod 4. What a preprocessor makes of a value is not known here. */
function modern({ shape, type, options, schema, ...def }: OldDefinition): Definition {
  const kind = def.typeName === 'ZodUnion' ? 'union' : def.typeName
  return { ...def, type: kind, ...shape && { shape: shape() }, ...type && { element: type }, ...options && { options }, ...schema && { innerType: schema } }
}

function chosen({ _def }: Schema, { options, discriminator = '' }: Definition, value: unknown): Schema | undefined {
  const kind = (value as Members | null)?.[discriminator]
  const has = (option: Schema): boolean => option._zod?.def.shape?.[discriminator]?._zod?.values?.has(kind) === true
  return Array.isArray(options) ? options.find(has) ?? _def.optionsMap?.get(kind) : undefined
}
