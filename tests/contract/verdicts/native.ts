/** Evaluates generated Zod schemas and says what they make of payloads; one JSON message a line, one answer a line. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { z as zod4 } from 'zod'
import { z as zod325 } from 'zod/v3'
import { z as zod3 } from 'zod3'
import { checkOf, describeSchema } from '../../../bridges/node/src/adapters/schema.ts'
import { issuesOf } from './branches.ts'

/** Expressions over `z` to declare, or files with payloads to check: a line for each schema, in the order of declaration. */
type Request = Readonly<{ declare: { library: string; source: string }[] } | { check: string; verdicts: string }>

const LIBRARIES: Record<string, unknown> = { 'zod 4': zod4, 'zod 3.25': zod325, 'zod 3.22': zod3 }
const schemas: unknown[] = []

function declare({ library, source }: { library: string; source: string }): unknown {
  const warnings: string[] = []
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const make = new Function('z', `return ${source}`) as (z: unknown) => unknown
    const schema = make(LIBRARIES[library])
    schemas.push(schema)
    return { schema: describeSchema(schema, import.meta.filename, 'config.input', warnings), warnings }
  } catch (error) {
    return { failed: `${library} ${source}: ${String(error)}` }
  }
}

/** Which payloads a schema refuses, by index, each with all that the library says of it. */
async function refusals(schema: unknown, payloads: unknown[]): Promise<Record<number, unknown>> {
  let checked: unknown
  const check = checkOf(watched(schema as Watched, (value) => { checked = value }))
  if (check === undefined) throw new Error('there is no check')
  const refused: Record<number, unknown> = {}
  for (const [index, payload] of payloads.entries()) {
    try {
      if ((await check(payload)).issues !== undefined) refused[index] = await issuesOf(schema, checked)
    } catch (error) {
      refused[index] = [{ path: [], code: 'thrown', message: String(error) }]
    }
  }
  return refused
}

type Validate = (value: unknown) => unknown
interface Watched { '~standard'?: { validate: Validate }; safeParseAsync: Validate }

/** The schema as `checkOf` sees it; `tell` is given what is checked last: the payload, or the one with dates in it. */
function watched(schema: Watched, tell: (value: unknown) => void): Watched {
  const telling = (validate: Validate): Validate => (value) => { tell(value); return validate(value) }
  const standard = schema['~standard']
  return {
    safeParseAsync: telling((value) => schema.safeParseAsync(value)),
    ...standard && { '~standard': { validate: telling((value) => standard.validate(value)) } },
  }
}

async function answer(request: Request): Promise<unknown> {
  if ('declare' in request) return request.declare.map(declare)
  const lines = readFileSync(request.check, 'utf8').split('\n')
  const verdicts: string[] = []
  for (const [index, schema] of schemas.entries()) {
    const refused = await refusals(schema, JSON.parse(lines[index] ?? '[]') as unknown[])
    verdicts.push(JSON.stringify(refused))
  }
  writeFileSync(request.verdicts, verdicts.join('\n'))
  return 'done'
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Request))}\n`)
}
