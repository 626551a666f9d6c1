// JSON as its source text: numbers keep every digit that a reader or a program wrote. `JSON.parse` would round a number
// beyond ±2^53, and saving what was shown would change it.

/** Number that JavaScript cannot hold as it is written, such as 9007199254740993 or 1.0. */
export class ExactNumber {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }
}

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g

const tokensOf = (text: string): string[] => text.match(TOKENS) ?? []

/** Value of a JSON text, with `ExactNumber` for each number that would not come out as it was written. */
export function parseExact(text: string): unknown {
  JSON.parse(text) // what is no JSON fails here, with the words of the browser
  const tokens = tokensOf(text)
  let at = 0
  const next = (): string => tokens[at++] ?? ''
  const value = (): unknown => {
    const token = next()
    if (token === '{') return object()
    if (token === '[') return array()
    if (token === 'true' || token === 'false' || token === 'null' || token.startsWith('"')) return JSON.parse(token)
    return String(Number(token)) === token ? Number(token) : new ExactNumber(token)
  }
  const object = (): unknown => {
    const found = Object.create(null) as Record<string, unknown>
    while (tokens[at] !== '}') {
      const key = JSON.parse(next()) as string
      at++ // the colon
      found[key] = value()
      if (tokens[at] === ',') at++
    }
    at++
    return found
  }
  const array = (): unknown[] => {
    const found: unknown[] = []
    while (tokens[at] !== ']') {
      found.push(value())
      if (tokens[at] === ',') at++
    }
    at++
    return found
  }
  return value()
}

/** JSON text of a value as `parseExact` gives it, on one line; `pretty` spreads it. */
export function writeExact(value: unknown): string {
  if (value instanceof ExactNumber) return value.source
  if (Array.isArray(value)) return `[${value.map(writeExact).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const members = Object.entries(value).filter(([, each]) => each !== undefined)
  return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${writeExact(each)}`).join(',')}}`
}

/** The same JSON over several lines; every scalar stays as it is written. */
export function pretty(text: string): string {
  const tokens = tokensOf(text)
  const out: string[] = []
  let depth = 0
  tokens.forEach((token, at) => {
    const after = tokens[at + 1]
    if (token === '{' || token === '[') {
      out.push(token)
      if (after === '}' || after === ']') return
      depth++
      out.push(newLine(depth))
    } else if (token === '}' || token === ']') {
      const before = tokens[at - 1]
      if (before !== '{' && before !== '[') {
        depth--
        out.push(newLine(depth))
      }
      out.push(token)
    } else if (token === ',') out.push(',', newLine(depth))
    else out.push(token === ':' ? ': ' : token)
  })
  return out.join('')
}

/** The same JSON on one line without spaces, so that two texts of one value are equal. */
export const compact = (text: string): string => tokensOf(text).join('')

/** Source text of each member of a JSON object, in their order. */
export function membersOf(text: string): Map<string, string> {
  const tokens = tokensOf(text)
  const found = new Map<string, string>()
  for (let at = 1; at < tokens.length - 1; at++) {
    const key = JSON.parse(tokens[at] ?? '""') as string
    const end = valueEnd(tokens, at + 2)
    found.set(key, tokens.slice(at + 2, end).join(''))
    at = end
  }
  return found
}

/** Source text of each element of a JSON array. */
export function elementsOf(text: string): string[] {
  const tokens = tokensOf(text)
  const found: string[] = []
  for (let at = 1; at < tokens.length - 1; at++) {
    const end = valueEnd(tokens, at)
    found.push(tokens.slice(at, end).join(''))
    at = end
  }
  return found
}

/** Index behind the value that begins at a token. */
function valueEnd(tokens: readonly string[], start: number): number {
  let depth = 0
  for (let at = start; at < tokens.length; at++) {
    const token = tokens[at]
    if (token === '{' || token === '[') depth++
    if (token === '}' || token === ']') depth--
    if (depth === 0) return at + 1
  }
  return tokens.length
}

const newLine = (depth: number): string => `\n${'  '.repeat(depth)}`
