/** Which lines of an error's stack are the user's: those of Node, of what compiles their code, and of this bridge say nothing. */
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'

const BRIDGE_DIR = fileURLToPath(new URL('..', import.meta.url))
/** Tests are no part of the bridge. */
const PLACES = String.raw`[( ]node:|/node_modules/(tsx|esbuild|@msgpack)/|data:text/javascript|${BRIDGE_DIR}((adapters|features)/)?\w+\.ts`
const FOREIGN = RegExp(String.raw`^\s+at .*(${PLACES})`)

/** The stack without them, and below it those of its causes. */
export function stackOf(error: Error): string {
  const lines = (error.stack ?? `${error.name}: ${error.message}`).split('\n').filter((line) => !FOREIGN.test(line))
  const { cause } = error
  if (cause === undefined) return lines.join('\n')
  const shown = typeof cause === 'string' ? cause : inspect(cause, { depth: 3, breakLength: Infinity })
  return `${lines.join('\n')}\nCaused by: ${cause instanceof Error ? stackOf(cause) : shown}`
}

/** Most packages give their errors a class and no name of their own: then the class says more than "Error". */
export function nameOf(error: Error): unknown {
  const name = error.name === 'Error' ? error.constructor.name : error.name
  // NodeError is Node's own class for what it raises itself; its code is in the message.
  return name === '' || name === 'NodeError' ? 'Error' : name
}
