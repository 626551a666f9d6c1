/** Stacks of errors without the lines of Node, of the compiler and of this bridge, which explain nothing. */
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'

const BRIDGE_DIR = fileURLToPath(new URL('..', import.meta.url))
/** Tests are no part of the bridge. */
const PLACES = String.raw`[( ]node:|/node_modules/(tsx|esbuild|@msgpack)/|data:text/javascript|${BRIDGE_DIR}((adapters|features)/)?\w+\.ts`
const FOREIGN = RegExp(String.raw`^\s+at .*(${PLACES})`)

/** Of the errors that an AggregateError gathers. */
const ERRORS_MAX = 10

/** The stack without them, and below it those of the errors it gathers and of its cause. */
export function stackOf(error: Error): string {
  const lines = (error.stack ?? `${error.name}: ${error.message}`).split('\n').filter((line) => !FOREIGN.test(line))
  const { cause } = error
  const errors: unknown[] = error instanceof AggregateError ? error.errors.slice(0, ERRORS_MAX) : []
  const parts = errors.map((each, index) => `Error ${index + 1} of ${(error as AggregateError).errors.length}: ${partOf(each)}`)
  if (cause !== undefined) parts.push(`Caused by: ${partOf(cause)}`)
  return [...lines, ...parts].join('\n')
}

const partOf = (thrown: unknown): string => (thrown instanceof Error ? stackOf(thrown)
  : typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 3, breakLength: Infinity }))

/** Most packages give their errors a class and no name of their own: then the class says more than "Error". */
export function nameOf(error: Error): unknown {
  const name = error.name === 'Error' ? error.constructor.name : error.name
  // NodeError is Node's own class for what it raises itself; its code is in the message.
  return name === '' || name === 'NodeError' ? 'Error' : name
}
