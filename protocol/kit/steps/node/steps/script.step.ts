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
  const values: unknown[] = []
  const script = new Script(input, context, values)
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
    private readonly values: unknown[],
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
    if (method === 'emit.cancel') return this.context.emit.cancel(args.topic, args.id)
    if (room === 'emit') {
      const { message_group_id: messageGroupId, id_ttl: idTtl, ...event } = args
      return this.context.emit({ ...event, messageGroupId, idTtl })
    }
    if (verb === 'page') {
      const target = room === 'state' ? this.context.state : this.context.streams[args.stream]
      return target.getGroup(args.group, { cursor: args.cursor, limit: args.limit, keysOnly: args.only === 'keys' })
    }
    const name = verb === 'get_group' ? 'getGroup' : verb
    if (room === 'state') return this.context.state[name](args.group, args.key, name === 'update' ? args.ops : args.value)
    const stream = this.context.streams[args.stream]
    return name === 'send' ? stream.send({ groupId: args.group, id: args.id }, args.event) : stream[name](args.group, args.id, args.data)
  }

  async once({ key, value, raises, times, sleeps, inner, options, catch: isCaught }: Operation): Promise<Outcome> {
    let calls = 0
    try {
      const given = await this.context.once(key, async () => {
        calls += 1
        this.values.push(`called ${key}`)
        if (sleeps !== undefined) await this.context.sleep('inner', sleeps)
        if (inner !== undefined) await this.context.once('inner', () => null, inner)
        if (raises !== undefined && calls <= (times ?? calls)) throw new Error(raises)
        return value
      }, options)
      return { value: given ?? null }
    } catch (error: any) {
      if (!isCaught) throw error
      return { value: { name: error.name, message: error.message, code: error.code, data: error.data } }
    }
  }

  async sleep({ key, duration, catch: isCaught }: Operation): Promise<Outcome> {
    try {
      await this.context.sleep(key, duration)
      return { value: 'awake' }
    } catch (error) {
      if (!isCaught) throw error
      return { value: 'swallowed' }
    }
  }

  async ask({ key, options }: Operation): Promise<Outcome> {
    return { value: await this.context.ask(key, options) }
  }

  async wait_for({ key, wanted, options }: Operation): Promise<Outcome> {
    return { value: await this.context.waitFor(key, wanted, ...(options === undefined ? [] : [options])) }
  }

  async call_step(operation: Operation): Promise<Outcome> {
    const { key, step, input, options } = operation
    try {
      return { value: await this.context.call(key, step, input, options) }
    } catch (error: any) {
      if (!operation.catch) throw error
      return { value: { name: error.name, message: error.message, code: error.code, data: error.data } }
    }
  }

  async callback({ key, options }: Operation): Promise<Outcome> {
    const { id, url, result } = await this.context.callback(key, options)
    return { value: { id, url, answer: await result() } }
  }

  async answer(operation: Operation): Promise<Outcome> {
    try {
      await this.context.answer(operation.id, operation.value)
      return { value: 'answered' }
    } catch (error: any) {
      if (!operation.catch) throw error
      return { value: { name: error.name, message: error.message, code: error.code, data: error.data } }
    }
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
  raise({ message, retryable, retry_after }) {
    throw Object.assign(new Error(message), { retryable, retryAfter: retry_after })
  },
  once(operation) {
    return this.once(operation)
  },
  sleep(operation) {
    return this.sleep(operation)
  },
  ask(operation) {
    return this.ask(operation)
  },
  wait_for(operation) {
    return this.wait_for(operation)
  },
  call_step(operation) {
    return this.call_step(operation)
  },
  callback(operation) {
    return this.callback(operation)
  },
  answer(operation) {
    return this.answer(operation)
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
