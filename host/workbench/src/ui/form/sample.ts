import { resolved, shapeOf, type Part, type Schema } from './schema.ts'

// Values that fit a schema, for a first draft. Patterns are not solved: a text for one is a guess, and the host says so.

const DEPTH_MAX = 6
const TEXTS: Record<string, string> = {
  email: 'user@example.com',
  'email-address': 'user@example.com',
  'idn-email': 'user@example.com',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  'uri-reference': '/path',
  hostname: 'example.com',
  uuid: '3f2b8c1e-5d4a-4c6b-9e7f-0a1b2c3d4e5f',
  date: '2026-01-31',
  time: '12:00:00Z',
  'date-time': '2026-01-31T12:00:00Z',
  'iso-date-time': '2026-01-31T12:00:00Z',
  'iso-time': '12:00:00',
  'iso-duration': 'PT5M',
  duration: 'PT5M',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  'json-pointer': '/a',
  regex: '^a$',
}

/** Value that fits a part, as far as its keywords say how; optional members are given as long as it is not deep. */
export function sampleOf(part: Part, name = '', depth = 0): unknown {
  const schema = resolved(part)
  if ('default' in schema) return schema.default
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return (schema.examples as unknown[])[0]
  const shape = shapeOf(part)
  switch (shape.kind) {
    case 'choice':
      return shape.values[0]
    case 'union':
      return sampleOfUnion(shape.variants.map((each) => each.part), name, depth)
    case 'object': {
      const shown = shape.members.filter((each) => each.required || depth < DEPTH_MAX)
      return depth > 2 * DEPTH_MAX ? {} : Object.fromEntries(shown.map((each) => [each.name, sampleOf(each.part, each.name, depth + 1)]))
    }
    case 'array': {
      const count = Math.min(count1(schema, depth), 100)
      return Array.from({ length: count }, (_, index) => distinct(sampleOf(shape.item, name, depth + 1), index, schema.uniqueItems === true))
    }
    case 'text':
      return textOf(schema, name)
    case 'number':
      return numberOf(schema)
    case 'truth':
      return true
    case 'nothing':
      return null
    case 'json':
      return EMPTIES.get(schema.type) ?? null
  }
}

const EMPTIES = new Map<unknown, unknown>([['array', []], ['object', {}], [undefined, {}]])

function sampleOfUnion(variants: readonly Part[], name: string, depth: number): unknown {
  const filled = variants.find((each) => shapeOf(each).kind !== 'nothing') ?? variants[0]
  const flat = depth > DEPTH_MAX ? variants.find((each) => shapeOf(each).kind !== 'object') : undefined
  const chosen = flat ?? filled
  return chosen ? sampleOf(chosen, name, depth + 1) : null
}

/** One element where it may be: a list that is empty shows nothing. */
function count1({ minItems, maxItems }: Schema, depth: number): number {
  const least = typeof minItems === 'number' ? minItems : 0
  const wanted = depth < DEPTH_MAX ? Math.max(1, least) : least
  return typeof maxItems === 'number' ? Math.min(wanted, maxItems) : wanted
}

function distinct(value: unknown, index: number, wanted: boolean): unknown {
  if (!wanted || index === 0) return value
  if (typeof value === 'string') return `${value}${index + 1}`
  return typeof value === 'number' ? value + index : value
}

function textOf(schema: Schema, name: string): string {
  const known = typeof schema.format === 'string' ? TEXTS[schema.format] : undefined
  if (known !== undefined) return known
  const least = typeof schema.minLength === 'number' ? schema.minLength : 0
  const most = typeof schema.maxLength === 'number' ? schema.maxLength : Number.POSITIVE_INFINITY
  return (name || 'text').padEnd(Math.min(least, 10_000), '.').slice(0, most)
}

function numberOf(schema: Schema): number {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema
  const unit = typeof multipleOf === 'number' ? multipleOf : schema.type === 'integer' ? 1 : 0
  const step = unit || 0.5
  const bound = (plain: unknown, open: unknown, by: number): number | null =>
    typeof open === 'number' ? open + by : typeof plain === 'number' ? plain : null
  const low = bound(minimum, exclusiveMinimum, step)
  const high = bound(maximum, exclusiveMaximum, -step)
  if (low === null && high === null) return unit > 1 ? unit : 1
  const near = low ?? Math.min(high ?? 1, 1)
  if (unit === 0) return low !== null && high !== null && low > high ? (low - step + (high + step)) / 2 : near
  const whole = low === null ? Math.floor(near / unit) * unit : Math.ceil(near / unit) * unit
  return Number(whole.toPrecision(15))
}
