/** Does what its input says, one operation after the other: see the table of operations in the kit's README. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readSync, writeSync } from 'node:fs'
import { natives } from './natives.ts'

interface Operation {
  do: string
  [argument: string]: any
}

/** What an operation leads to: a value for the list, the end of the handler with a value, or nothing. */
type Outcome = { value: unknown } | { result: unknown } | undefined

export const config = { type: 'event', name: 'Script', subscribes: ['script'], emits: [] }

export const handler = async (input: any, context: any): Promise<unknown> => {
  const script = new Script(input, context)
  const values: unknown[] = []
  for (const operation of (input.body?.ops ?? input.ops) as Operation[]) {
    const outcome = await script.perform(operation)
    if (outcome === undefined) continue
    if ('result' in outcome) return outcome.result
    values.push(outcome.value)
  }
  return values
}

class Script {
  private caught: unknown

  constructor(
    private readonly input: any,
    private readonly context: any,
  ) {}

  async perform(operation: Operation): Promise<Outcome> {
    const perform = OPERATIONS[operation.do]
    if (perform === undefined) throw new Error(`There is no operation "${operation.do}".`)
    return perform.call(this, operation)
  }

  /** Call the context by a method's name on the wire. */
  async call({ method, args, native, times, catch: isCaught, unawaited }: Operation): Promise<Outcome> {
    const long = times === undefined ? args : { ...args, data: args.data.repeat(times) }
    const given = native === undefined ? long : withNative(method, args, natives[native]?.())
    const call = this.start(method, given)
    if (unawaited) return undefined
    try {
      return { value: (await call) ?? null }
    } catch (error: any) {
      if (!isCaught) throw error
      this.caught = error
      return { value: { name: error.name, message: error.message, code: error.code, data: error.data } }
    }
  }

  private start(method: string, args: any): Promise<unknown> {
    const [room = '', verb = ''] = method.split('.')
    if (room === 'emit') return this.context.emit({ topic: args.topic, data: args.data, messageGroupId: args.message_group_id })
    if (verb === 'page') {
      const target = room === 'state' ? this.context.state : this.context.streams[args.stream]
      return target.getGroup(args.group, { cursor: args.cursor, limit: args.limit, keysOnly: args.only === 'keys' })
    }
    const name = verb === 'get_group' ? 'getGroup' : verb
    if (room === 'state') return this.context.state[name](args.group, args.key, args.value)
    const stream = this.context.streams[args.stream]
    return name === 'send' ? stream.send({ groupId: args.group, id: args.id }, args.event) : stream[name](args.group, args.id, args.data)
  }

  reraise(): never {
    throw this.caught
  }

  give(what: 'input' | 'context', member?: string): unknown {
    if (what === 'input') return this.input
    return this.context[member === 'trace_id' ? 'traceId' : String(member)]
  }

  log({ level, message, fields, native }: Operation): void {
    const given = native === undefined ? fields : { ...fields, value: natives[native]?.() }
    if (given === undefined) this.context.logger[level](message)
    else this.context.logger[level](message, given)
  }
}

function withNative(method: string, args: any, value: unknown): any {
  if (method === 'streams.send') return { ...args, event: { ...args.event, data: value } }
  return { ...args, [method === 'state.set' ? 'value' : 'data']: value }
}

async function* itemsOf({ items, native, raises, says }: Operation): AsyncGenerator {
  try {
    yield* items
    if (native !== undefined) yield natives[native]?.()
    if (raises !== undefined) throw new Error(raises)
  } finally {
    if (says !== undefined) console.log('%s', says)
  }
}

const OPERATIONS: Record<string, (this: Script, operation: Operation) => Outcome | Promise<Outcome>> = {
  return: ({ value }) => ({ result: value }),
  nothing: () => ({ result: undefined }),
  input() {
    return { result: this.give('input') }
  },
  native: ({ name }) => ({ result: natives[name]?.() }),
  stream: (operation) => {
    const { status, headers } = operation
    return { result: { status, ...(headers === undefined ? {} : { headers }), body: itemsOf(operation) } }
  },
  context({ member }) {
    return { value: this.give('context', member) }
  },
  call(operation) {
    return this.call(operation)
  },
  raise({ message }) {
    throw new Error(message)
  },
  raise_odd() {
    throw 'odd'
  },
  reraise() {
    return this.reraise()
  },
  log(operation) {
    this.log(operation)
    return undefined
  },
  print: ({ text }) => void console.log('%s', text),
  print_part: ({ text }) => void process.stdout.write(text),
  print_error: ({ text }) => void console.error('%s', text),
  write: ({ text }) => void writeSync(1, `${text}\n`),
  read: () => ({ value: readInput() }),
  spawn: ({ text }) => void spawnSync('printf', ['%s\n', text], { stdio: 'inherit' }),
  child_environment: () => ({ value: String(execFileSync('sh', ['-c', 'printf %s "$POLYSTEP_CHANNEL"'])) || null }),
  child_descriptors: () => ({ value: String(execFileSync('ls', ['-l', '/proc/self/fd'])) }),
  exit: ({ status }) => process.exit(status),
  loop() {
    for (;;);
  },
  wait: () => new Promise<never>(() => setInterval(() => undefined, 60_000)),
  fail_later: () => void Promise.reject(new Error('nobody awaits this')),
  kill: () => void process.kill(process.pid, 'SIGKILL'),
}

function readInput(): string {
  const bytes = Buffer.alloc(1024)
  try {
    return bytes.toString('utf8', 0, readSync(0, bytes))
  } catch {
    // Closed, or nothing there.
    return ''
  }
}
