/** Values in and out of msgpack: implements protocol/SPEC.md §3. */
import { DecodeError, Decoder, Encoder } from '@msgpack/msgpack'
import type { ExtensionCodecType } from '@msgpack/msgpack'
import { inspect } from 'node:util'
import { PolystepError } from './errors.ts'

declare global {
  // In every Node that is supported; in TypeScript's library only from ES2024 on.
  interface String {
    isWellFormed(): boolean
    toWellFormed(): string
  }
}

/** Containers inside each other; PS-3.9. */
const DEPTH_MAX = 100
/** A value shown as text in a log field is cut here. */
const TEXT_CHARS_MAX = 16_384
/** From here on JSON writes numbers with an exponent, so they read back as floats, not as integers. */
const EXPONENT_FROM = 1e21
const CYCLE = 'it refers back to something that it is in'

type Key = string | number

/** Where the walk is: the chain of containers from the root down. */
interface Place {
  readonly parent: Place | null
  readonly key: Key
  readonly container: object
  readonly depth: number
}

/**
 * The value as the packer takes it: what `JSON.stringify` would give, plus bytes.
 *
 * Returns the same object when nothing has to change, so most values are only read.
 * `root` starts the path in errors, such as `data` in `data.items[3].total`.
 *
 * @throws PolystepError `invalid_value` with the type and the path. Source: PS-3.4 to PS-3.9.
 */
export function carry(value: unknown, root: string): unknown {
  return carryValue(value, root, null, false)
}

/** Like `carry`, but never throws: errors become `{name, message, stack}`, what cannot be carried becomes text. */
export function carryAsText(value: unknown): unknown {
  try {
    return carryValue(value, '', null, true)
  } catch {
    // A getter or a toJSON that throws: the log line still goes out.
    return shown(value)
  }
}

function carryValue(value: unknown, key: Key, place: Place | null, lenient: boolean): unknown {
  if (typeof value === 'string') {
    if (value.isWellFormed()) return value
    return refuse('string', 'it holds a lone surrogate; use toWellFormed()', value, key, place, lenient)
  }
  if (typeof value === 'object') return value === null ? null : carryObject(value, key, place, lenient)
  if (typeof value === 'number') return carryNumber(value, key, place, lenient)
  if (typeof value === 'bigint') return carryBigInt(value, key, place, lenient)
  // undefined, functions and symbols are absent, as in JSON.
  return typeof value === 'boolean' ? value : undefined
}

function carryNumber(value: number, key: Key, place: Place | null, lenient: boolean): unknown {
  if (!Number.isFinite(value)) return refuse(String(value), 'only finite numbers; use null', value, key, place, lenient)
  if (!Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) >= EXPONENT_FROM) return value
  return refuse('unsafe integer', 'beyond ±(2^53−1); send it as a string', value, key, place, lenient)
}

function carryBigInt(value: bigint, key: Key, place: Place | null, lenient: boolean): unknown {
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return carryValue(Reflect.apply(toJSON, value, [String(key)]), key, place, lenient)
  return refuse('BigInt', 'send String(value) or Number(value)', value, key, place, lenient)
}

function carryObject(value: object, key: Key, place: Place | null, lenient: boolean): unknown {
  if (lenient && value instanceof Error) return describeError(value)
  if (!ArrayBuffer.isView(value) && typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    const replaced = (value as { toJSON: (key: string) => unknown }).toJSON(String(key))
    // Once only, as in JSON: a toJSON that returns `this` is common.
    const isObject = typeof replaced === 'object' && replaced !== null
    return isObject ? carryContainer(replaced, key, place, lenient) : carryValue(replaced, key, place, lenient)
  }
  return carryContainer(value, key, place, lenient)
}

function carryContainer(value: object, key: Key, place: Place | null, lenient: boolean): unknown {
  if (Array.isArray(value)) return carryList(value, descend(value, key, place), lenient)
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === Object.prototype || prototype === null
  if (!isPlain && !isInstanceWithFields(value)) return carrySpecial(value, key, place, lenient)
  return carryMap(value as Record<string, unknown>, descend(value, key, place), lenient)
}

/** An instance of a user's class is its fields, as in JSON. */
function isInstanceWithFields(value: object): boolean {
  if (ArrayBuffer.isView(value) || value instanceof Error) return false
  return REFUSED[tagOf(value)] === undefined && !CONVERTED.has(tagOf(value))
}

function tagOf(value: object): string {
  return value instanceof Error ? 'Error' : Object.prototype.toString.call(value).slice(8, -1)
}

/** Built-in objects that are bytes, or stand for a primitive value. */
const CONVERTED = new Set(['ArrayBuffer', 'SharedArrayBuffer', 'String', 'Number', 'Boolean'])

function carrySpecial(value: object, key: Key, place: Place | null, lenient: boolean): unknown {
  if (ArrayBuffer.isView(value)) return value
  const tag = tagOf(value)
  const hint = REFUSED[tag]
  if (hint !== undefined) return refuse(value instanceof Error ? value.name : tag, hint, value, key, place, lenient)
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value)
  return carryValue(value.valueOf(), key, place, lenient)
}

/** The place one level down. */
function descend(value: object, key: Key, place: Place | null): Place {
  return { parent: place, key, container: value, depth: place === null ? 1 : place.depth + 1 }
}

/** Why `here` cannot be entered, or `null`. */
function whyNot(here: Place): string | null {
  if (here.depth > DEPTH_MAX) return `nested more than ${DEPTH_MAX} deep`
  for (let above = here.parent; above !== null; above = above.parent) {
    if (above.container === here.container) return CYCLE
  }
  return null
}

/** Built-in objects that JSON would turn into `{}` without a word, and what to send instead. */
const REFUSED: Partial<Record<string, string>> = {
  Map: 'use Object.fromEntries(map)',
  Set: 'use [...set]',
  Error: 'send { name: error.name, message: error.message }',
  Promise: 'await it first',
  RegExp: 'send its source as a string',
  WeakMap: 'send a plain object',
  WeakSet: 'send an array',
  WeakRef: 'send what it refers to',
  Blob: 'use new Uint8Array(await blob.arrayBuffer())',
  File: 'use new Uint8Array(await file.arrayBuffer())',
  Headers: 'use Object.fromEntries(headers)',
  FormData: 'use Object.fromEntries(form)',
  URLSearchParams: 'use Object.fromEntries(params)',
  Request: 'send the parts that are needed',
  Response: 'send await response.json() or text()',
  ReadableStream: 'read it first; streams cannot be carried',
  Generator: 'use [...generator]',
  AsyncGenerator: 'collect it into an array first',
}

function carryList(list: readonly unknown[], here: Place, lenient: boolean): unknown {
  const why = whyNot(here)
  if (why !== null) return refuse('array', why, list, here.key, here.parent, lenient)
  let copy: unknown[] | null = null
  for (let index = 0; index < list.length; index += 1) {
    const item = list[index]
    const carried = carryValue(item, index, here, lenient)
    if (copy !== null) copy.push(carried)
    else if (carried !== item) {
      copy = list.slice(0, index)
      copy.push(carried)
    }
  }
  return copy ?? list
}

function carryMap(map: Record<string, unknown>, here: Place, lenient: boolean): unknown {
  const why = whyNot(here)
  if (why !== null) return refuse('object', why, map, here.key, here.parent, lenient)
  const keys = Object.keys(map)
  let copy: Record<string, unknown> | null = null
  for (const key of keys) {
    const member = map[key]
    const carried = carryValue(member, key, here, lenient)
    const name = key.isWellFormed() ? key : refuse('map key', 'it holds a lone surrogate', key, key, here, lenient)
    if (copy === null && (carried !== member || name !== key)) copy = copyBefore(map, keys, key)
    if (copy !== null) put(copy, name as string, carried)
  }
  return copy ?? map
}

/** A copy of what stands before the member `end`. */
function copyBefore(map: Record<string, unknown>, keys: readonly string[], end: string): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const key of keys) {
    if (key === end) break
    put(copy, key, map[key])
  }
  return copy
}

function put(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
  else map[key] = value
}

function refuse(type: string, why: string, value: unknown, key: Key, place: Place | null, lenient: boolean): unknown {
  if (lenient) return why === CYCLE ? '[Circular]' : shown(value)
  const path = pathOf(key, place)
  throw PolystepError.own('invalid_value', `${path} cannot be carried: ${type} (${why}).`, { type, path })
}

function pathOf(key: Key, place: Place | null): string {
  if (place === null) return String(key)
  const before = pathOf(place.key, place.parent)
  if (typeof key === 'number') return `${before}[${key}]`
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${before}.${key}` : `${before}[${JSON.stringify(key)}]`
}

function describeError(error: Error): Record<string, string> {
  return { name: shown(error.name), message: shown(error.message), stack: shown(error.stack ?? '') }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, TEXT_CHARS_MAX).toWellFormed()
  try {
    return inspect(value, { depth: 3, breakLength: Infinity }).slice(0, TEXT_CHARS_MAX).toWellFormed()
  } catch {
    return '[cannot be shown]'
  }
}

// The message around a value adds three containers to its depth.
const encoder = new Encoder({ ignoreUndefined: true, maxDepth: DEPTH_MAX + 8, initialBufferSize: 65_536 })

/**
 * A message as bytes; its values went through `carry` before.
 *
 * The bytes are the encoder's own and valid until the next call: copy them at once.
 */
export function pack(message: readonly unknown[]): Uint8Array {
  return encoder.encodeSharedRef(message)
}

const EXTENSIONS: ExtensionCodecType<undefined> = {
  tryToEncode: () => null,
  decode: (_bytes, type) => {
    throw PolystepError.own('invalid_value', `msgpack extension type ${type} is not used by this protocol (PS-3.7).`)
  },
}
const decoder = new Decoder({ extensionCodec: EXTENSIONS })

/** Stands in for a key that the decoder refuses, until `restoreProto` puts the true one in safely. */
const PROTO_STAND_IN = '\u0000__proto__'
const protoDecoder = new Decoder({
  extensionCodec: EXTENSIONS,
  keyDecoder: {
    canBeCached: () => true,
    decode: (bytes, start, size) => {
      const key = Buffer.from(bytes.buffer, bytes.byteOffset + start, size).toString()
      return key === '__proto__' ? PROTO_STAND_IN : key
    },
  },
})

/** The message in `bytes`. Bytes in it are Buffers over the same memory; a `__proto__` key is an ordinary member. */
export function unpack(bytes: Buffer): unknown {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof DecodeError && bytes.includes('__proto__')) return restoreProto(protoDecoder.decode(bytes))
    throw error
  }
}

function restoreProto(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restoreProto)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  const map: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    put(map, key === PROTO_STAND_IN ? '__proto__' : key, restoreProto(member))
  }
  return map
}
