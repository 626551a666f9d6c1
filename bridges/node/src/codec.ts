/** Codec of values and messages: implements protocol/SPEC.md §3. */
import { Encoder } from '@msgpack/msgpack'
import { decode, decodeEach } from './adapters/msgpack.ts'
import { describeFailure, type Members, PolystepError, shown } from './errors.ts'

/** Containers inside each other; PS-3.9. */
const DEPTH_MAX = 100
const CYCLE = 'it refers back to something that it is in'
const SURROGATE = 'it holds a lone surrogate; use toWellFormed()'
const NO_JSON = 'it has no JSON form; send the parts that are needed'

/** Built-in objects that JSON would turn into `{}` without a word, and what to send instead. */
const REFUSED: Partial<Record<string, string>> = {
  Map: 'use Object.fromEntries(map)', Set: 'use [...set]', Generator: 'use [...generator]', Promise: 'await it first',
  Error: 'send { name: error.name, message: error.message }', RegExp: 'send its source as a string',
  Headers: 'use Object.fromEntries(headers)', FormData: 'use Object.fromEntries(form)',
  URLSearchParams: 'use Object.fromEntries(params)', Response: 'send await response.json() or text()',
  Blob: 'use new Uint8Array(await blob.arrayBuffer())', File: 'use new Uint8Array(await file.arrayBuffer())',
  Request: NO_JSON, ReadableStream: NO_JSON, AsyncGenerator: NO_JSON, WeakMap: NO_JSON, WeakSet: NO_JSON, WeakRef: NO_JSON,
}

/**
 * Make a value ready for the packer: as `JSON.stringify` would give it, plus bytes; the same object when nothing changes.
 *
 * @throws PolystepError `invalid_value` with type and path, such as `data.items[3].total`; `root` starts it. Source: PS-3.9.
 */
export function carry(value: unknown, root: string): unknown { return new Walk(root, false).value(value) }

/** Carry without throwing: errors become `{name, message, stack}`, other values that cannot be carried become text. Source: PS-8.7. */
export function carryAsText(value: unknown): unknown {
  // When a getter or a toJSON throws, the log line still goes out.
  try { return new Walk('', true).value(value) } catch { return shown(value) }
}

/** Walk through a value, from the root down. */
class Walk {
  /** The containers around the current value. */
  private readonly above: object[] = []
  /** The root's name, and the key of the current value in each of these; what stands behind is of values before. */
  private readonly path: (string | number)[]

  constructor(root: string, private readonly isLenient: boolean) { this.path = [root] }

  value(given: unknown): unknown {
    const value = this.afterToJSON(given)
    if (typeof value === 'string') return value.isWellFormed() ? value : this.refuse(value, 'string', SURROGATE)
    if (typeof value === 'number') return Number.isFinite(value) ? value : this.refuse(value, String(value), 'only finite numbers; use null')
    if (typeof value === 'object') return value === null ? null : this.object(value)
    if (typeof value === 'bigint') return this.refuse(value, 'BigInt', 'send String(value) or Number(value)')
    // undefined, functions and symbols are absent, as in JSON.
    return typeof value === 'boolean' ? value : undefined
  }

  private afterToJSON(given: unknown): unknown {
    if ((typeof given !== 'object' && typeof given !== 'bigint') || given === null || ArrayBuffer.isView(given)) return given
    if (this.isLenient && given instanceof Error) return describeFailure(given)
    const { toJSON } = given as { toJSON?: unknown }
    const key = String(this.path[this.above.length])
    return typeof toJSON === 'function' ? (Reflect.apply(toJSON, given, [key]) as unknown) : given
  }

  private object(value: object): unknown {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (Array.isArray(value) || prototype === Object.prototype || prototype === null) return this.container(value)
    if (ArrayBuffer.isView(value)) return value
    const tag = value instanceof Error ? 'Error' : Object.prototype.toString.call(value).slice(8, -1)
    if (/^(?:Shared)?ArrayBuffer$/.test(tag)) return new Uint8Array(value as ArrayBuffer)
    if (/^(?:String|Number|Boolean|BigInt)$/.test(tag)) return this.value(value.valueOf())
    const hint = REFUSED[tag]
    // An instance of a user's class is its fields, as in JSON.
    return hint === undefined ? this.container(value) : this.refuse(value, value instanceof Error ? value.name : tag, hint)
  }

  private container(value: object): unknown {
    const type = Array.isArray(value) ? 'array' : 'object'
    if (this.above.length >= DEPTH_MAX) return this.refuse(value, type, `nested more than ${DEPTH_MAX} deep`)
    if (this.above.includes(value)) return this.refuse(value, type, CYCLE)
    const depth = this.above.push(value)
    const carried = Array.isArray(value) ? this.list(value, depth) : this.map(value as Members, depth)
    this.above.pop()
    return carried
  }

  private list(list: readonly unknown[], depth: number): unknown {
    const carried = list.map((item, index) => {
      this.path[depth] = index
      return this.value(item)
    })
    return carried.every((item, index) => item === list[index]) ? list : carried
  }

  private map(map: Members, depth: number): unknown {
    let copy: Members | null = null
    for (const key of Object.keys(map)) {
      const member = map[key]
      this.path[depth] = key
      const carried = this.value(member)
      const name = key.isWellFormed() ? key : String(this.refuse(key, 'map key', SURROGATE))
      if (carried === member && name === key) continue
      // A spread makes a `__proto__` key a member like others, so that writing to it later only writes.
      copy ??= { ...map }
      if (name !== key) Reflect.deleteProperty(copy, key)
      copy[name] = carried
    }
    return copy ?? map
  }

  private refuse(value: unknown, type: string, why: string): unknown {
    if (this.isLenient) return why === CYCLE ? '[Circular]' : shown(value)
    const [root, ...keys] = this.path.slice(0, this.above.length + 1)
    const parts = keys.map((key) => (/^[A-Za-z_$][\w$]*$/.test(String(key)) ? `.${key}` : `[${JSON.stringify(key)}]`))
    const path = [root, ...parts].join('')
    throw PolystepError.own('invalid_value', `${path} cannot be carried: ${type} (${why}).`, { type, path })
  }
}

// The message around a value adds three containers to its depth.
const encoder = new Encoder({ ignoreUndefined: true, maxDepth: DEPTH_MAX + 8, initialBufferSize: 65_536 })

/** Encode a message; the bytes are valid until the next call. Its values went through `carry` before. */
export function pack(message: readonly unknown[]): Uint8Array { return encoder.encodeSharedRef(message) }

/** Decode the message in `bytes`; bytes in it are Buffers over the same memory. Throws `invalid_value`. Source: PS-3.11. */
export function unpack(bytes: Buffer): unknown {
  try {
    return decode(bytes)
  } catch (error) {
    throw PolystepError.own('invalid_value', `A message cannot be read: ${describeFailure(error).message}.`)
  }
}

/** Read the head of a message: the size of its array, its kind, its id, as far as possible. Source: PS-4.5. */
export function readHead(bytes: Buffer): unknown[] {
  // The size of a large array stands behind its first byte; of the others it is part of it.
  const sizeBytes = bytes[0] === 0xdc ? 2 : bytes[0] === 0xdd ? 4 : 0
  const head: unknown[] = []
  try {
    head.push(sizeBytes === 0 ? bytes.readUInt8() - 0x90 : bytes.readUIntBE(1, sizeBytes))
    for (const member of decodeEach(bytes.subarray(1 + sizeBytes))) {
      if (head.push(member) === 3) break
    }
  } catch {}
  return head
}
